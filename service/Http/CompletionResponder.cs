using System.Globalization;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http;

/// <summary>What both completion endpoints do with a parsed request: generate, and answer with one JSON body or a stream of events.</summary>
internal sealed class CompletionResponder(
    ModelHost model, CompletionFactory factory, RateLimits limits, ErrorReporter errors, StreamOptions options, ILogger<CompletionResponder> log)
{
    /// <summary>Carries the seed, given or drawn: with it the answer can be had again.</summary>
    public const string SeedHeader = "Gemma2-Seed";

    /// <summary>Answers one request.</summary>
    /// <param name="http">The request and its response.</param>
    /// <param name="parse">Reads the endpoint's kind of body.</param>
    public async Task RespondAsync(HttpContext http, Func<JsonElement, CompletionRequest> parse)
    {
        CompletionRequest request;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
            request = parse(body.RootElement);
        Completion completion = await factory.CreateAsync(
            model.RequireEngine(), request, Guid.NewGuid().ToString("N"), DateTimeOffset.UtcNow, request.Seed ?? Completion.RandomSeed(), RequestClass.Interactive, http.RequestAborted);
        completion.EnsureRoom();
        limits.ChargeTokens(http, completion.PromptTokens, completion.AnswerCount, request.MaxTokens);
        http.Response.Headers[SeedHeader] = completion.Seed.ToString(CultureInfo.InvariantCulture);
        CompletionResult result = request.Stream ? await StreamAsync(http, completion) : await SendWholeAsync(http, completion);
        Log(completion, result);
    }

    private static async Task<CompletionResult> SendWholeAsync(HttpContext http, Completion completion)
    {
        CompletionResult result = await completion.RunAsync(http.RequestAborted);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => CompletionJson.WriteBody(json, completion, result, tellsCached: true));
        return result;
    }

    private async Task<CompletionResult> StreamAsync(HttpContext http, Completion completion)
    {
        var events = new ServerSentEvents(http.Response, http.RequestAborted);
        var result = new CompletionResult(completion);
        await events.StartAsync();
        try
        {
            await SendPartsAsync(events, completion, result, http.RequestAborted);
        }
        catch (Exception exception) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The status has been sent: the error comes as an event, and the stream ends without its mark of completeness.
            await events.SendAsync(errors.Report(exception).Write);
        }
        return result;
    }

    private async Task SendPartsAsync(ServerSentEvents events, Completion completion, CompletionResult result, CancellationToken cancellationToken)
    {
        for (int index = 0; completion.IsChat && index < completion.AnswerCount; index++)
            await events.SendAsync(json => CompletionJson.WriteRoleChunk(json, completion, index));
        ToolParts? tools = completion.Request.Tools is null ? null : new ToolParts(completion);
        IAsyncEnumerable<AnswerPart> parts = completion.StreamAsync(cancellationToken);
        await foreach (AnswerPart part in parts.WithHeartbeats(options.HeartbeatInterval, events.HeartbeatAsync, cancellationToken))
        {
            result.Add(part);
            await (tools is null ? SendPartAsync(events, completion, part) : SendToolPartAsync(events, completion, tools, part));
        }
        if (completion.Request.IncludeUsage)
            await events.SendAsync(json => CompletionJson.WriteUsageChunk(json, completion, result));
        await events.DoneAsync();
    }

    private static async Task SendPartAsync(ServerSentEvents events, Completion completion, AnswerPart part)
    {
        bool isText = part.Text.Length > 0 || (part.Finish is null && part.Tokens.Count > 0);
        if (isText)
            await events.SendAsync(json => CompletionJson.WriteTextChunk(json, completion, part));
        if (part.Finish is { } finish)
            await events.SendAsync(json => CompletionJson.WriteFinishChunk(json, completion, part.Answer, isText ? [] : part.Tokens, finish));
    }

    private static async Task SendToolPartAsync(ServerSentEvents events, Completion completion, ToolParts tools, AnswerPart part)
    {
        (IReadOnlyList<ToolDelta> deltas, IReadOnlyList<ToldToken> tokens) = tools.Read(part);
        foreach (ToolDelta delta in deltas)
        {
            IReadOnlyList<ToldToken> told = tokens;
            await events.SendAsync(json => CompletionJson.WriteToolChunk(json, completion, part.Answer, told, delta));
            tokens = [];
        }
        if (part.Finish is { } finish)
            await events.SendAsync(json => CompletionJson.WriteFinishChunk(json, completion, part.Answer, tokens, finish, tools.HasCalls(part.Answer)));
    }

    private void Log(Completion completion, CompletionResult result) => log.LogInformation(
        "{Id}: {PromptTokens} prompt tokens, {CachedTokens} of them cached, {CompletionTokens} new in {Answers} answers, first after {FirstSeconds:0.000} s, all after {TotalSeconds:0.000} s",
        completion.Id, result.PromptTokens, result.CachedTokens, result.CompletionTokens, completion.AnswerCount, result.TimeToFirstToken.TotalSeconds, result.Total.TotalSeconds);
}
