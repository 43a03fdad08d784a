using System.Text.Json;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>Answers of <c>/v1/completions</c> and <c>/v1/chat/completions</c>.</summary>
internal sealed class CompletionWriter : IAnswerWriter
{
    /// <summary>It has no state: one is enough.</summary>
    public static CompletionWriter Instance { get; } = new();

    /// <inheritdoc />
    public void WriteBody(Utf8JsonWriter json, Completion completion, CompletionResult result) => CompletionJson.WriteBody(json, completion, result, tellsCached: true);

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Refuse(ApiError error) => [StreamEvent.Unnamed(error.Write)];

    /// <inheritdoc />
    public IAnswerEvents Stream(Completion completion) => new CompletionEvents(completion);
}

/// <summary>The chunks of a stream.</summary>
internal sealed class CompletionEvents(Completion completion) : IAnswerEvents
{
    private readonly ToolParts? _tools = completion.Request.Tools is null ? null : new ToolParts(completion);

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Begin() => completion.IsChat
        ? Enumerable.Range(0, completion.AnswerCount).Select(index => StreamEvent.Unnamed(json => CompletionJson.WriteRoleChunk(json, completion, index)))
        : [];

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Read(AnswerPart part) => _tools is null ? ReadText(part) : ReadTools(_tools, part);

    /// <inheritdoc />
    public IEnumerable<StreamEvent> End(CompletionResult result)
    {
        if (completion.Request.IncludeUsage)
            yield return StreamEvent.Unnamed(json => CompletionJson.WriteUsageChunk(json, completion, result));
        yield return StreamEvent.Done;
    }

    /// <inheritdoc />
    public IEnumerable<StreamEvent> Fail(ApiError error) => [StreamEvent.Unnamed(error.Write)];

    private IEnumerable<StreamEvent> ReadText(AnswerPart part)
    {
        bool isText = part.Text.Length > 0 || (part.Finish is null && part.Tokens.Count > 0);
        if (isText)
            yield return StreamEvent.Unnamed(json => CompletionJson.WriteTextChunk(json, completion, part));
        if (part.Finish is { } finish)
            yield return StreamEvent.Unnamed(json => CompletionJson.WriteFinishChunk(json, completion, part.Answer, isText ? [] : part.Tokens, finish));
    }

    private IEnumerable<StreamEvent> ReadTools(ToolParts tools, AnswerPart part)
    {
        (IReadOnlyList<ToolDelta> deltas, IReadOnlyList<ToldToken> tokens) = tools.Read(part);
        foreach ((int index, ToolDelta delta) in deltas.Index())
        {
            IReadOnlyList<ToldToken> told = index == 0 ? tokens : [];
            yield return StreamEvent.Unnamed(json => CompletionJson.WriteToolChunk(json, completion, part.Answer, told, delta));
        }
        if (part.Finish is { } finish)
            yield return StreamEvent.Unnamed(json => CompletionJson.WriteFinishChunk(json, completion, part.Answer, deltas.Count > 0 ? [] : tokens, finish, tools.HasCalls(part.Answer)));
    }
}
