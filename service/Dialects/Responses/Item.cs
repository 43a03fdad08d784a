using System.Text.Json;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>A piece of a conversation: what was said, a call of a function, or what one gave back. Source: OpenAI API reference, "Responses", input and output items.</summary>
/// <param name="Id">Names it.</param>
internal abstract record Item(string Id)
{
    /// <summary>What ids of messages begin with.</summary>
    public const string MessagePrefix = "msg_";

    /// <summary>What ids of calls begin with.</summary>
    public const string CallPrefix = "fc_";

    /// <summary>What ids of results begin with.</summary>
    public const string ResultPrefix = "fco_";

    /// <summary>The status of what is whole.</summary>
    public const string Completed = "completed";

    /// <summary>The status of what comes.</summary>
    public const string InProgress = "in_progress";

    /// <summary>The status of what was cut.</summary>
    public const string Incomplete = "incomplete";

    /// <summary>A new id.</summary>
    public static string NewId(string prefix) => $"{prefix}{Guid.CreateVersion7():N}";

    /// <summary>Writes the item.</summary>
    /// <param name="json">Where to write.</param>
    /// <param name="status">How far it is: <c>in_progress</c>, <c>completed</c>, <c>incomplete</c>.</param>
    /// <param name="writeLogProbabilities">Writes the array of an answer's log-probabilities; null writes an empty one.</param>
    public void Write(Utf8JsonWriter json, string status = Completed, Action<Utf8JsonWriter>? writeLogProbabilities = null)
    {
        json.WriteStartObject();
        json.WriteString("id", Id);
        json.WriteString("type", Type);
        json.WriteString("status", status);
        WriteContent(json, writeLogProbabilities);
        json.WriteEndObject();
    }

    private protected abstract string Type { get; }

    private protected abstract void WriteContent(Utf8JsonWriter json, Action<Utf8JsonWriter>? writeLogProbabilities);

    /// <summary>What was said.</summary>
    /// <param name="Id">Names it.</param>
    /// <param name="Role">By whom.</param>
    /// <param name="Parts">What: texts that follow each other.</param>
    public sealed record Message(string Id, string Role, IReadOnlyList<string> Parts) : Item(Id)
    {
        /// <summary>Who answers.</summary>
        public const string Assistant = "assistant";

        private protected override string Type => "message";

        /// <summary>Writes one of the texts.</summary>
        public static void WritePart(Utf8JsonWriter json, string role, string text, Action<Utf8JsonWriter>? writeLogProbabilities = null)
        {
            json.WriteStartObject();
            json.WriteString("type", role == Assistant ? "output_text" : "input_text");
            if (role == Assistant)
                WriteExtras(json, writeLogProbabilities);
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        private protected override void WriteContent(Utf8JsonWriter json, Action<Utf8JsonWriter>? writeLogProbabilities)
        {
            json.WriteStartArray("content");
            foreach (string part in Parts)
                WritePart(json, Role, part, writeLogProbabilities);
            json.WriteEndArray();
            json.WriteString("role", Role);
        }

        private static void WriteExtras(Utf8JsonWriter json, Action<Utf8JsonWriter>? writeLogProbabilities)
        {
            json.WriteStartArray("annotations");
            json.WriteEndArray();
            json.WritePropertyName("logprobs");
            (writeLogProbabilities ?? WriteNone)(json);
        }

        private static void WriteNone(Utf8JsonWriter json)
        {
            json.WriteStartArray();
            json.WriteEndArray();
        }
    }

    /// <summary>A call of a function.</summary>
    /// <param name="Id">Names it.</param>
    /// <param name="CallId">What its result names it by.</param>
    /// <param name="Name">The function.</param>
    /// <param name="Arguments">Its arguments as JSON text.</param>
    public sealed record Call(string Id, string CallId, string Name, string Arguments) : Item(Id)
    {
        private protected override string Type => "function_call";

        private protected override void WriteContent(Utf8JsonWriter json, Action<Utf8JsonWriter>? writeLogProbabilities)
        {
            json.WriteString("arguments", Arguments);
            json.WriteString("call_id", CallId);
            json.WriteString("name", Name);
        }
    }

    /// <summary>What a function gave back.</summary>
    /// <param name="Id">Names it.</param>
    /// <param name="CallId">The call.</param>
    /// <param name="Output">What it gave.</param>
    public sealed record Result(string Id, string CallId, string Output) : Item(Id)
    {
        private protected override string Type => "function_call_output";

        private protected override void WriteContent(Utf8JsonWriter json, Action<Utf8JsonWriter>? writeLogProbabilities)
        {
            json.WriteString("call_id", CallId);
            json.WriteString("output", Output);
        }
    }
}
