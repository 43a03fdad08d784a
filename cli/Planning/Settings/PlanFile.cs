using System.Text;
using System.Text.Json;

namespace Gemma2.Cli.Planning.Settings;

/// <summary>Reads the files that a plan is given. Whatever is wrong with one becomes a <see cref="PlanException"/> that names it.</summary>
internal static class PlanFile
{
    private const int LargestFile = 4 << 20;
    private const int DeepestNesting = 16;
    private const int LongestShown = 80;

    /// <summary>A text file, as UTF-8.</summary>
    /// <exception cref="PlanException">It cannot be read, is too large or is not text.</exception>
    public static string ReadText(string file)
    {
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > LargestFile }) throw new PlanException($"{file} is larger than {LargestFile >> 20} MiB.");
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(file)).TrimStart('\uFEFF');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new PlanException($"{file} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads the JSON object of a text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="read">Makes the result of the object.</param>
    /// <exception cref="PlanException">It is not JSON, not an object, nested too deep or has a key twice.</exception>
    public static T ReadObject<T>(string json, string file, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = DeepestNesting, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(document.RootElement)
                : throw new PlanException($"{file}: must be a JSON object, not {Show(document.RootElement)}.");
        }
        // InvalidOperationException: text that has no Unicode form, such as half a surrogate pair.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new PlanException($"{file}: is not usable JSON: {error.Message}", error);
        }
    }

    /// <summary>A value as a message may show it.</summary>
    public static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Show(value.GetRawText()),
    };

    /// <summary>A text as a message may show it.</summary>
    public static string Show(string text) => text.Length <= LongestShown ? text : text[..LongestShown] + "...";
}
