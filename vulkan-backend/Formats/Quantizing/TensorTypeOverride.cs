using System.Text.RegularExpressions;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>
/// The type of the matrices whose names a pattern is found in, as llama.cpp's <c>--tensor-type</c> has it. Names are those of GGUF; where the pattern is found in none of
/// them, those of Hugging Face.
/// </summary>
public sealed class TensorTypeOverride
{
    /// <summary>What <see cref="TryParse"/> takes.</summary>
    public static readonly string Allowed =
        $"PATTERN=TYPE: a regular expression for names such as blk.0.attn_v.weight, and {string.Join(", ", Enum.GetNames<TensorType>()).ToLowerInvariant()}";

    /// <summary>Names are short: whatever takes longer never ends.</summary>
    private static readonly TimeSpan LongestSearch = TimeSpan.FromSeconds(1);

    private readonly Regex _pattern;

    private TensorTypeOverride(string pattern, TensorType type) =>
        (_pattern, Type) = (new Regex(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, LongestSearch), type);

    /// <summary>The type.</summary>
    public TensorType Type { get; }

    /// <summary>Reads PATTERN=TYPE.</summary>
    /// <returns>Null where it is something else.</returns>
    public static TensorTypeOverride? TryParse(string text)
    {
        int end = text.LastIndexOf('=');
        if (end < 1 || !Enum.GetNames<TensorType>().Contains(text[(end + 1)..], StringComparer.OrdinalIgnoreCase)) return null;
        try
        {
            return new TensorTypeOverride(text[..end], Enum.Parse<TensorType>(text[(end + 1)..], ignoreCase: true));
        }
        catch (RegexParseException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{_pattern}={Type}";

    /// <summary>The matrices that are meant.</summary>
    /// <exception cref="ModelException">The pattern is found in no name, or the search does not end.</exception>
    internal IReadOnlyList<TensorEntry> Among(IReadOnlyList<TensorEntry> matrices)
    {
        try
        {
            TensorEntry[] meant = [.. matrices.Where(matrix => _pattern.IsMatch(GgufNames.FromHuggingFace(matrix.Name)))];
            if (meant.Length == 0) meant = [.. matrices.Where(matrix => _pattern.IsMatch(matrix.Name))];
            return meant.Length > 0 ? meant : throw new ModelException($"'{this}' means no matrix; they have names such as {Examples(matrices)}.");
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new ModelException($"'{this}' does not come to an end with a name; use a simpler pattern.", error);
        }
    }

    private static string Examples(IReadOnlyList<TensorEntry> matrices) =>
        string.Join(", ", matrices.Where(matrix => TensorNames.LayerOf(matrix.Name) <= 0).Select(matrix => GgufNames.FromHuggingFace(matrix.Name)));
}
