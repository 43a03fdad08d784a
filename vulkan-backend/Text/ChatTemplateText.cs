namespace Gemma2.Backend.Text;

/// <summary>A chat template as it was found.</summary>
/// <param name="Jinja">Its text.</param>
/// <param name="Origin">Where it is from, for messages.</param>
public sealed record ChatTemplateText(string Jinja, string Origin)
{
    /// <summary>What the model's files call its tokens, by the names that templates use: <c>eos_token</c> and the like. Null says that the model has none.</summary>
    public IReadOnlyDictionary<string, string?> Tokens { get; init; } = new Dictionary<string, string?>();
}
