using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Answers of <c>/v1/messages</c>.</summary>
/// <param name="requestId">The request's id, which errors in a stream carry.</param>
internal sealed class MessageWriter(string requestId) : IAnswerWriter
{
    /// <inheritdoc />
    public void WriteBody(Utf8JsonWriter json, Completion completion, CompletionResult result) => new MessageJson(json, completion).WriteMessage(result);

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Refuse(ApiError error) => [MessageErrors.Event(error, requestId)];

    /// <inheritdoc />
    public IAnswerEvents Stream(Completion completion) => new MessageEvents(completion, requestId);
}
