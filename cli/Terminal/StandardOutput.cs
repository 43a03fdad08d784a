using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Gemma2.Cli.Terminal;

/// <summary>Standard output as UTF-8 without a byte order mark, whatever the locale says.</summary>
internal static class StandardOutput
{
    /// <summary>A writer that passes every piece on at once.</summary>
    public static StreamWriter OpenWriter() =>
        new(Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true, NewLine = "\n" };

    /// <summary>Writes the one JSON document that <c>--json</c> promises.</summary>
    public static void WriteJson<T>(T document, JsonTypeInfo<T> type)
    {
        using StreamWriter output = OpenWriter();
        output.WriteLine(JsonSerializer.Serialize(document, type));
    }
}
