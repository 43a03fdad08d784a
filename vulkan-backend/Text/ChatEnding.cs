namespace Gemma2.Backend.Text;

/// <summary>How the prompt of a conversation ends.</summary>
public enum ChatEnding
{
    /// <summary>With the opening of a turn of the model, so that it answers.</summary>
    OpenAnswer,

    /// <summary>With the end of the last turn.</summary>
    Closed,

    /// <summary>With the content of the last turn, which is the model's: it goes on from there.</summary>
    ContinueLast,
}
