using System.Globalization;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http;

/// <summary>What both completion endpoints do with a parsed request: generate, and answer with one JSON body or a stream of events.</summary>
internal sealed class CompletionResponder(ModelHost model, RateLimits limits, ErrorReporter errors, StreamOptions options, ILogger<CompletionResponder> log)
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
        var completion = new Completion(
            model.RequireEngine(), request, Guid.NewGuid().ToString("N"), DateTimeOffset.UtcNow, request.Seed ?? Completion.RandomSeed(), RequestClass.Interactive);
        completion.EnsureRoom();
        limits.ChargeTokens(http, completion.Generation.PromptTokens.Count, request.MaxTokens);
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
        var result = new CompletionResult(completion.Generation.PromptTokens.Count);
        await events.StartAsync();
        try
        {
            await SendPiecesAsync(events, completion, result, http.RequestAborted);
        }
        catch (Exception exception) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The status has been sent: the error comes as an event, and the stream ends without its mark of completeness.
            await events.SendAsync(errors.Report(exception).Write);
        }
        return result;
    }

    private async Task SendPiecesAsync(ServerSentEvents events, Completion completion, CompletionResult result, CancellationToken cancellationToken)
    {
        if (completion.IsChat)
            await events.SendAsync(json => CompletionJson.WriteRoleChunk(json, completion));
        IAsyncEnumerable<TextPiece> pieces = completion.StreamAsync(cancellationToken);
        await foreach (TextPiece piece in pieces.WithHeartbeats(options.HeartbeatInterval, events.HeartbeatAsync, cancellationToken))
        {
            result.Add(piece);
            if (piece.Text.Length > 0)
                await events.SendAsync(json => CompletionJson.WriteTextChunk(json, completion, piece.Text));
        }
        await events.SendAsync(json => CompletionJson.WriteFinishChunk(json, completion, result.Finish));
        if (completion.Request.IncludeUsage)
            await events.SendAsync(json => CompletionJson.WriteUsageChunk(json, completion, result));
        await events.DoneAsync();
    }

    private void Log(Completion completion, CompletionResult result) => log.LogInformation(
        "{Id}: {PromptTokens} prompt tokens, {CachedTokens} of them cached, {CompletionTokens} new, first after {FirstSeconds:0.000} s, all after {TotalSeconds:0.000} s",
        completion.Id, result.PromptTokens, result.CachedTokens, result.CompletionTokens, result.TimeToFirstToken.TotalSeconds, result.Total.TotalSeconds);
}
