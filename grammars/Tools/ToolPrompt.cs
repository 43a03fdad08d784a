using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gemma2.Grammars.Tools;

/// <summary>Tells the model which functions there are and how to call them: an instruction that goes in front of all others.</summary>
public static class ToolPrompt
{
    /// <summary>What stands for the functions in a template.</summary>
    public const string Placeholder = "{tools}";

    /// <summary>The template where no other is given.</summary>
    public const string Default =
        "You can call functions. Each line tells of one: its name, what it does, and the JSON schema of its arguments.\n"
        + Placeholder + "\n"
        + "To call a function, answer with nothing but the call, in this form:\n"
        + ToolSyntax.BeforeName + "NAME" + ToolSyntax.BeforeArguments + "{...}" + ToolSyntax.End + "\n"
        + "Its result comes in the next message. Answer in your own words when no function is needed.";

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The instruction.</summary>
    /// <param name="tools">The functions.</param>
    /// <param name="template">A text with <see cref="Placeholder"/> in it.</param>
    public static string Of(IEnumerable<Tool> tools, string template) => template.Replace(Placeholder, string.Join('\n', tools.Select(Describe)), StringComparison.Ordinal);

    private static string Describe(Tool tool)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Readable))
        {
            json.WriteStartObject();
            json.WriteString("name", tool.Name);
            if (tool.Description is not null) json.WriteString("description", tool.Description);
            json.WritePropertyName("parameters");
            using (JsonDocument parameters = JsonDocument.Parse(tool.Parameters)) parameters.WriteTo(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
