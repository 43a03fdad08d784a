using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Service.Api;

/// <summary>
/// The fields of one JSON object of a request, read with the type that they must have. A field that is null counts as left out.
/// Every reader throws <see cref="InvalidRequestException"/> that names the field.
/// </summary>
internal readonly struct RequestFields
{
    private const int LongestQuote = 40;

    private readonly JsonElement _object;
    private readonly string _path;

    /// <param name="element">What must be an object.</param>
    /// <param name="path">Where it is in the request, for messages; "" for the request itself.</param>
    public RequestFields(JsonElement element, string path = "")
    {
        if (element.ValueKind != JsonValueKind.Object && path.Length > 0)
            throw new InvalidRequestException(path, $"{path} must be a JSON object.", ErrorCodes.WrongType);
        if (element.ValueKind != JsonValueKind.Object)
            throw new InvalidRequestException(null, "The request must be a JSON object.");
        (_object, _path) = (element, path);
    }

    /// <summary>The fields' names and values, in the request's order.</summary>
    public IEnumerable<JsonProperty> All => _object.EnumerateObject();

    /// <summary>The field's name as errors give it: with the path that leads to it.</summary>
    public string Path(string name) => _path.Length > 0 ? $"{_path}.{name}" : name;

    public bool TryGet(string name, out JsonElement value) => _object.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    public string? String(string name) => TryGet(name, out JsonElement value) ? Text(value, Path(name)) : null;

    public bool? Boolean(string name) => !TryGet(name, out JsonElement value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw new InvalidRequestException(Path(name), $"{Path(name)} must be true or false.", ErrorCodes.WrongType),
    };

    public double? Number(string name, double min, double max) => TryGet(name, out JsonElement value) ? Number(value, Path(name), min, max) : null;

    public long? Integer(string name, long min = long.MinValue, long max = long.MaxValue) =>
        TryGet(name, out JsonElement value) ? Integer(value, Path(name), min, max) : null;

    /// <summary>A number of the request.</summary>
    public static double Number(JsonElement value, string path, double min, double max)
    {
        if (value.ValueKind != JsonValueKind.Number)
            throw new InvalidRequestException(path, $"{path} must be a number.", ErrorCodes.WrongType);
        return value.TryGetDouble(out double number) && number >= min && number <= max
            ? number
            : throw new InvalidRequestException(
                path,
                string.Create(CultureInfo.InvariantCulture, $"{path} is {Quote(value.GetRawText())}; allowed are numbers from {min} to {max}."),
                number < min ? ErrorCodes.DecimalTooSmall : ErrorCodes.DecimalTooLarge);
    }

    /// <summary>An integer of the request. JSON has one kind of number: 12.0 and 1.2e1 are the integer 12.</summary>
    public static long Integer(JsonElement value, string path, long min, long max)
    {
        if (value.ValueKind != JsonValueKind.Number)
            throw new InvalidRequestException(path, $"{path} must be an integer.", ErrorCodes.WrongType);
        return value.TryGetDecimal(out decimal number) && decimal.IsInteger(number) && number >= min && number <= max
            ? (long)number
            : throw new InvalidRequestException(path, $"{path} is {Quote(value.GetRawText())}; allowed are integers from {min} to {max}.", CodeOf(value.TryGetDouble(out double given) ? given : double.PositiveInfinity, min));
    }

    private static string CodeOf(double number, long min) =>
        double.IsFinite(number) && !double.IsInteger(number) ? ErrorCodes.WrongType : number < min ? ErrorCodes.IntegerTooSmall : ErrorCodes.IntegerTooLarge;

    /// <summary>A string of the request; half a surrogate pair, which JSON's escapes can spell, is no text.</summary>
    public static string Text(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw new InvalidRequestException(path, $"{path} must be a string.", ErrorCodes.WrongType);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new InvalidRequestException(path, $"{path} is not valid Unicode text.");
        }
    }

    /// <summary>A value of the request as compact JSON; texts in it that are no text, see <see cref="Text"/>, would fail where it is read.</summary>
    public static string Json(JsonElement value, string path)
    {
        try
        {
            return JsonBody.ToText(value.WriteTo);
        }
        catch (InvalidOperationException)
        {
            throw new InvalidRequestException(path, $"{path} holds what is not valid Unicode text.");
        }
    }

    /// <summary>A field that must be there.</summary>
    [return: NotNull]
    public T Required<T>(string name, T? value) =>
        value ?? throw new InvalidRequestException(Path(name), $"{Path(name)} is missing.", ErrorCodes.Missing);

    /// <summary>User input as it may be shown in a message: short, and on one line.</summary>
    public static string Quote(string text, int longest = LongestQuote) =>
        string.Concat(text.Take(longest).Select(character => char.IsControl(character) || char.IsSurrogate(character) ? '?' : character))
        + (text.Length > longest ? "..." : "");
}
