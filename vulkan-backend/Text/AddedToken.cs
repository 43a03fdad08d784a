namespace Gemma2.Backend.Text;

/// <summary>
/// A token that is looked for whole in texts, with the rules that Hugging Face's files give it.
/// Source: https://github.com/huggingface/tokenizers, AddedToken.
/// </summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text, as texts spell it.</param>
internal sealed record AddedToken(int Id, string Text)
{
    /// <summary>Whether it is a mark for the model that stands for no text.</summary>
    public bool IsSpecial { get; init; }

    /// <summary>Whether it is looked for in what the normalizer made of a text, not in the text itself.</summary>
    public bool IsNormalized { get; init; }

    /// <summary>Whether it takes the white space before it along.</summary>
    public bool TakesSpaceBefore { get; init; }

    /// <summary>Whether it takes the white space after it along.</summary>
    public bool TakesSpaceAfter { get; init; }

    /// <summary>Whether it must not stand inside a word.</summary>
    public bool IsWholeWord { get; init; }

    /// <summary>Whether it is more than a text to look for.</summary>
    public bool HasRules => IsNormalized || TakesSpaceBefore || TakesSpaceAfter || IsWholeWord;
}
