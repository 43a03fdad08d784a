namespace Gemma2.Backend.Text;

/// <summary>What a tokenizer is made of, whichever file it is from.</summary>
/// <param name="Pieces">All pieces; their place is their id.</param>
internal sealed record TokenizerParts(Piece[] Pieces)
{
    /// <summary>The text that the unknown piece decodes to.</summary>
    public string UnknownSurface { get; init; } = SentencePieceFile.DefaultUnknownSurface;

    /// <summary>The rules of those pieces that have some beside their type.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Which pieces merge; null where any two that make a piece do, those of the highest score first.</summary>
    public MergeTable? Merges { get; init; }

    /// <summary>Other texts that become a piece, which has its own.</summary>
    public IReadOnlyList<(string Text, int Id)> Aliases { get; init; } = [];

    /// <summary>Whether a text that is a piece as a whole becomes that piece, however its parts would merge.</summary>
    public bool TakesWholeTexts { get; init; }

    /// <summary>What happens to a text before it is cut into pieces.</summary>
    public Func<string, string> Normalize { get; init; } = text => text.Replace(' ', Vocabulary.Space);

    /// <summary>Name of the token that begins a text, where it is not <c>&lt;bos&gt;</c>.</summary>
    public string? Begin { get; init; }

    /// <summary>Name of the token that ends a text, where it is not <c>&lt;eos&gt;</c>.</summary>
    public string? End { get; init; }
}
