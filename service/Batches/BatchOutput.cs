using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Storage;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>
/// The lines of a batch's output and error files: <c>{"id","custom_id","response":{"status_code","request_id","body"},"error"}</c>. All in them follows from the
/// batch and the line. Source: OpenAI API reference, "Batch", request output object.
/// </summary>
/// <param name="batch">The batch.</param>
internal sealed class BatchOutput(OwnedId batch)
{
    /// <summary>Names a line's answer, without the prefix that tells its kind.</summary>
    public string IdOf(int line) => BatchLineId.Of(batch, line);

    /// <summary>A line that has an answer.</summary>
    public ChunkLine Answered(BatchLine line, Completion completion, CompletionResult result) => new(
        line.Number, true, result.PromptTokens, result.CompletionTokens,
        Write(line, json => WriteResponse(json, line, 200, () => line.WriteBody!(json, completion, result))));

    /// <summary>A line whose request failed.</summary>
    public ChunkLine Failed(BatchLine line, ApiError error) => new(
        line.Number, false, 0, 0, Write(line, json => WriteResponse(json, line, error.Status, () => error.Write(json))));

    /// <summary>A line that was not run.</summary>
    /// <param name="line">The line.</param>
    /// <param name="error">Why not.</param>
    /// <param name="expired">Whether the batch's window had ended.</param>
    public ChunkLine NotRun(BatchLine line, BatchError error, bool expired = false) => new(
        line.Number, false, 0, 0, Write(line, json => WriteError(json, line, error)), expired);

    private ReadOnlyMemory<byte> Write(BatchLine line, Action<Utf8JsonWriter> writeResult) => JsonBody.ToUtf8(json =>
    {
        json.WriteStartObject();
        json.WriteString("id", BatchLineId.Prefix + IdOf(line.Number));
        json.WriteString("custom_id", line.CustomId);
        writeResult(json);
        json.WriteEndObject();
    });

    private void WriteResponse(Utf8JsonWriter json, BatchLine line, int status, Action writeBody)
    {
        json.WriteStartObject("response");
        json.WriteNumber("status_code", status);
        json.WriteString("request_id", "req_" + IdOf(line.Number));
        json.WritePropertyName("body");
        writeBody();
        json.WriteEndObject();
        json.WriteNull("error");
    }

    private static void WriteError(Utf8JsonWriter json, BatchLine line, BatchError error)
    {
        json.WriteNull("response");
        json.WriteStartObject("error");
        json.WriteString("code", error.Code);
        json.WriteString("message", error.Message);
        if (error.Parameter is not null)
            json.WriteString("param", error.Parameter);
        json.WriteNumber("line", line.Number);
        json.WriteEndObject();
    }
}
