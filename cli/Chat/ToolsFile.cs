using System.Text.Json;
using Gemma2.Grammars.Tools;

namespace Gemma2.Cli.Chat;

/// <summary>Reads functions from a file: a JSON array as in the field <c>tools</c> of a request.</summary>
internal static class ToolsFile
{
    private const string Expected = "expected is a JSON array of {\"type\": \"function\", \"function\": {\"name\", \"description\", \"parameters\"}}";

    /// <summary>Reads them.</summary>
    /// <exception cref="IOException">The file cannot be read, or holds something else.</exception>
    public static async Task<IReadOnlyList<Tool>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using FileStream file = File.OpenRead(path);
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(file, cancellationToken: cancellationToken);
            Tool[] tools = [.. document.RootElement.EnumerateArray().Select(entry => ReadTool(entry.GetProperty("function")))];
            return tools.Length > 0 && tools.All(tool => Tool.IsName(tool.Name)) ? tools : throw new IOException($"{path} has no function, or one whose name is none; {Expected}.");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new IOException($"{path} cannot be used; {Expected}.", error);
        }
    }

    private static Tool ReadTool(JsonElement function) => new(
        function.GetProperty("name").GetString()!,
        function.TryGetProperty("description", out JsonElement description) ? description.GetString() : null,
        function.TryGetProperty("parameters", out JsonElement parameters) ? parameters.GetRawText() : Tool.NoParameters);
}
