using System.Globalization;

namespace Gemma2.Backend.Adapters;

/// <summary>An adapter as a command line or a setting names it: <c>PLACE</c> or <c>PLACE:SCALE</c>.</summary>
/// <param name="Place">Where it is: a path, or a name in storage.</param>
/// <param name="Scale">What its change of the weights is multiplied by.</param>
public sealed record AdapterReference(string Place, double Scale)
{
    /// <summary>What is allowed, for messages.</summary>
    public const string Allowed = "PATH or PATH:SCALE, where SCALE is a number such as 0.5";

    /// <summary>What a path to one may lead to, for messages.</summary>
    public const string AllowedPlaces = "a folder of PEFT's (adapter_config.json and adapter_model.safetensors) or a .gguf file";

    private const char ListSeparator = ';';
    private const string BlobPrefix = "blob:";

    /// <summary>Reads one. What follows the last colon is the scale, unless a path goes on there.</summary>
    /// <returns>Null where it is none.</returns>
    public static AdapterReference? TryParse(string text)
    {
        text = text.Trim();
        int colon = text.LastIndexOf(':');
        bool isScale = colon >= 0 && !text.AsSpan(colon).ContainsAny('/', '\\') && !(text.StartsWith(BlobPrefix, StringComparison.Ordinal) && colon < BlobPrefix.Length);
        if (!isScale) return text.Length == 0 || text == BlobPrefix ? null : new AdapterReference(text, 1);
        string place = text[..colon].TrimEnd();
        return place.Length > 0 && double.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double scale) && double.IsFinite(scale)
            ? new AdapterReference(place, scale)
            : null;
    }

    /// <summary>Reads several, with semicolons between them.</summary>
    /// <returns>Null where one of them is none, or one is there twice.</returns>
    public static IReadOnlyList<AdapterReference>? TryParseList(string text)
    {
        string[] all = text.Split(ListSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        AdapterReference[] read = [.. all.Select(TryParse).OfType<AdapterReference>()];
        return read.DistinctBy(adapter => adapter.Place).Count() == all.Length ? read : null;
    }

    /// <summary>As it is written.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Place}:{Scale}");
}
