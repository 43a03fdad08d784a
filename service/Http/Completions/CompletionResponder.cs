using System.Globalization;
using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Streaming;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.Completions;

/// <summary>What all completion endpoints do with a parsed request: generate, and answer with one JSON body or a stream of events.</summary>
internal sealed class CompletionResponder(
    EarlyRequests early, CompletionFactory factory, RateLimits limits, ErrorReporter errors, Draining draining, StreamOptions options, ILogger<CompletionResponder> log)
{
    /// <summary>Carries the seed, given or drawn: with it the answer can be had again.</summary>
    public const string SeedHeader = "Gemma2-Seed";

    /// <summary>Answers a request whose body says it all.</summary>
    /// <param name="http">The request and its response.</param>
    /// <param name="parse">Reads the endpoint's kind of body.</param>
    /// <param name="writer">Tells the answer in the endpoint's words.</param>
    public async Task RespondAsync(HttpContext http, Func<JsonElement, CompletionRequest> parse, IAnswerWriter writer)
    {
        CompletionRequest request;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
            request = parse(body.RootElement);
        await RespondAsync(http, request, writer);
    }

    /// <summary>Answers one request.</summary>
    public async Task RespondAsync(HttpContext http, CompletionRequest request, IAnswerWriter writer)
    {
        // Waiting for the model has its own, and generation.
        http.LiftTimeLimit();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, draining.TimeIsOver);
        var stream = new ServerSentEvents(http.Response, http.RequestAborted);
        long seed = request.Seed ?? Completion.RandomSeed();
        http.Response.Headers[SeedHeader] = seed.ToString(CultureInfo.InvariantCulture);
        try
        {
            using EngineLease lease = await early.TakeAsync(request.Stream ? stream : null, end.Token);
            Completion completion = await factory.CreateAsync(lease.Engine, request, Guid.NewGuid().ToString("N"), DateTimeOffset.UtcNow, seed, request.Class, end.Token);
            completion.EnsureRoom();
            await limits.ChargeTokensAsync(http, completion.PromptTokens, completion.AnswerCount, request.MaxTokens);
            CompletionResult result = request.Stream ? await StreamAsync(http, stream, completion, writer, end.Token) : await SendWholeAsync(http, completion, writer, end.Token);
            Log(http.TraceIdentifier, completion, result);
        }
        catch (Exception exception) when (request.Stream && stream.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            // The status was sent while the request waited for the model.
            await stream.SendAsync(writer.Refuse(errors.Report(exception, http.TraceIdentifier)));
        }
    }

    private static async Task<CompletionResult> SendWholeAsync(HttpContext http, Completion completion, IAnswerWriter writer, CancellationToken end)
    {
        CompletionResult result = await completion.RunAsync(end);
        await writer.KeepAsync(completion, result, end);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => writer.WriteBody(json, completion, result));
        return result;
    }

    private async Task<CompletionResult> StreamAsync(HttpContext http, ServerSentEvents stream, Completion completion, IAnswerWriter writer, CancellationToken end)
    {
        var result = new CompletionResult(completion);
        IAnswerEvents events = writer.Stream(completion);
        if (!stream.HasStarted)
            await stream.StartAsync();
        try
        {
            await stream.SendAsync(events.Begin());
            IAsyncEnumerable<AnswerPart> parts = completion.StreamAsync(end);
            await foreach (AnswerPart part in parts.WithHeartbeats(options, stream.HeartbeatAsync, end))
            {
                result.Add(part);
                await stream.SendAsync(events.Read(part));
            }
            await writer.KeepAsync(completion, result, end);
            await stream.SendAsync(events.End(result));
        }
        catch (Exception exception) when (!http.RequestAborted.IsCancellationRequested)
        {
            // The status has been sent: the error comes as an event, and the stream ends without its mark of completeness.
            await stream.SendAsync(events.Fail(errors.Report(exception, http.TraceIdentifier)));
        }
        return result;
    }

    private void Log(string requestId, Completion completion, CompletionResult result) => log.LogInformation(
        "{Id}: {PromptTokens} prompt tokens, {CachedTokens} of them cached, {CompletionTokens} new in {Answers} answers, first after {FirstSeconds:0.000} s, all after {TotalSeconds:0.000} s, request {RequestId}",
        completion.Id, result.PromptTokens, result.CachedTokens, result.CompletionTokens, completion.AnswerCount, result.TimeToFirstToken.TotalSeconds, result.Total.TotalSeconds, requestId);
}
