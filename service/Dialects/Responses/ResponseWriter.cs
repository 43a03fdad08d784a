using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>The answer of one request of <c>/v1/responses</c>.</summary>
/// <param name="request">What was asked.</param>
/// <param name="keep">Keeps a response under its id; null where responses are not kept.</param>
/// <param name="tellsTime">Whether it tells when it was done and what was cached. What is stored in a batch does not: a second run shall give the same bytes.</param>
internal sealed class ResponseWriter(ResponsesRequest request, Func<string, ReadOnlyMemory<byte>, CancellationToken, Task>? keep, bool tellsTime) : IAnswerWriter
{
    private ReadOnlyMemory<byte>? _response;

    private bool IsKept => keep is not null && request.Store;

    /// <summary>For the line of a batch.</summary>
    public static ResponseWriter ForLine(ResponsesRequest request) => new(request, null, tellsTime: false);

    /// <inheritdoc />
    public Task KeepAsync(Completion completion, CompletionResult result, CancellationToken cancellationToken) => IsKept
        ? keep!(ResponseJson.Prefix + completion.Id, StoredResponse.Write(ResponseOf(completion, result), request.Items), cancellationToken)
        : Task.CompletedTask;

    /// <inheritdoc />
    public void WriteBody(Utf8JsonWriter json, Completion completion, CompletionResult result) => json.WriteRawValue(ResponseOf(completion, result).Span);

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Refuse(ApiError error) => [ResponseEvents.Error(0, error)];

    /// <inheritdoc />
    public IAnswerEvents Stream(Completion completion) =>
        new ResponseEvents(completion, new ResponseJson(request, completion, IsKept), result => ResponseOf(completion, result));

    /// <summary>The response: what is kept is what is told.</summary>
    private ReadOnlyMemory<byte> ResponseOf(Completion completion, CompletionResult result) => _response ??= JsonBody.ToUtf8(json =>
        new ResponseJson(request, completion, IsKept).WriteEnded(json, result, tellsTime ? DateTimeOffset.UtcNow : null));
}
