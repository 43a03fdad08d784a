namespace Gemma2.Backend.Engine;

/// <summary>How many tokens were guessed, and how many guesses were right. Of the engine's thread.</summary>
internal sealed class DraftCounts
{
    /// <summary>Tokens that were guessed.</summary>
    public long Drafted { get; private set; }

    /// <summary>Those of them that were right.</summary>
    public long Accepted { get; private set; }

    /// <summary>Adds the guesses of one step of a sequence.</summary>
    public void Add(int drafted, int accepted)
    {
        Drafted += drafted;
        Accepted += accepted;
    }
}
