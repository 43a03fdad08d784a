using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.Responses;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Gemma2.Storage.Responses;

namespace Gemma2.Service.Http.Responses;

/// <summary><c>/v1/responses</c>: the next turn of a conversation, which can be kept. Source: OpenAI API reference, "Responses".</summary>
internal static class ResponsesEndpoint
{
    /// <summary>The parameters of a response's input.</summary>
    public static readonly RouteFields ListFields = new("GET " + InputItems, [PageQuery.LimitField, PageQuery.AfterField, PageQuery.OrderField]);

    private const string One = CompletionRoutes.Responses + "/{id}";
    private const string InputItems = One + "/input_items";

    private const int DefaultList = 20;
    private const int LongestList = 100;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(CompletionRoutes.Responses, CreateAsync);
        routes.MapPost(CompletionRoutes.Responses + "/input_tokens", CountAsync);
        routes.MapGet(One, GetAsync);
        routes.MapDelete(One, DeleteAsync);
        routes.MapGet(InputItems, ListInputAsync);
        routes.MapPost(One + "/cancel", CancelAsync);
    }

    private static async Task CreateAsync(HttpContext http, CompletionResponder responder, Gemma2Options options)
    {
        ResponsesRequest request = await ReadAsync(http, null);
        ResponseStore? store = http.RequestServices.GetService<ResponseStore>();
        var limit = TimeSpan.FromSeconds(options.RequestSeconds);
        Func<string, ReadOnlyMemory<byte>, CancellationToken, Task>? keep =
            store is null ? null : (id, json, token) => KeepAsync(store, new OwnedId(http.Owner(), id), json, limit, token);
        await responder.RespondAsync(http, request.Completion, new ResponseWriter(request, keep, tellsTime: true));
    }

    /// <summary>An answer takes the time that it needs; keeping it has the limit that other requests have.</summary>
    private static async Task KeepAsync(ResponseStore store, OwnedId key, ReadOnlyMemory<byte> json, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(limit);
        try
        {
            await store.WriteAsync(key, json, time.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ApiException(ApiError.RequestTimedOut(limit));
        }
    }

    private static async Task CountAsync(HttpContext http, EarlyRequests early, Gemma2Options options)
    {
        using EngineLease lease = await early.TakeAsync(http);
        CompletionRequest request = (await ReadAsync(http, lease.Engine.ModelName)).Completion;
        IInferenceEngine engine = lease.Engine.RequireName(request.Model);
        Prompt prompt = request.Tools?.TellOf(request.Prompts[0], options.ToolPrompt) ?? request.Prompts[0];
        int tokens = PromptEncoder.Encode(engine, prompt).Tokens.Count;
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "response.input_tokens");
            json.WriteNumber("input_tokens", tokens);
            json.WriteEndObject();
        });
    }

    private static async Task GetAsync(HttpContext http, string id)
    {
        if (http.Request.Query["stream"] is ["true" or "True" or "1"])
            throw new InvalidRequestException("stream", "stream is not supported for a response that is stored: it is whole; leave it out.");
        StoredResponse stored = await FindAsync(http, id);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, stored.Response.WriteTo);
    }

    private static async Task DeleteAsync(HttpContext http, string id)
    {
        var store = http.Storage<ResponseStore>();
        if (http.OwnedKey(id) is not { } key || !await store.DeleteAsync(key, http.RequestAborted))
            throw NotFound(id);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("object", "response");
            json.WriteBoolean("deleted", true);
            json.WriteEndObject();
        });
    }

    private static async Task ListInputAsync(HttpContext http, string id)
    {
        PageQuery page = PageQuery.Read(http.Request, DefaultList, LongestList);
        StoredResponse stored = await FindAsync(http, id);
        IEnumerable<JsonElement> items = page.OldestFirst ? stored.Items.EnumerateArray() : stored.Items.EnumerateArray().Reverse();
        // One more than the page has says whether there are more.
        JsonElement[] behind = [.. (page.After is null ? items : items.SkipWhile(item => IdOf(item) != page.After).Skip(1)).Take(page.Limit + 1)];
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => PageQuery.WriteList(
            json, behind[..Math.Min(page.Limit, behind.Length)], behind.Length > page.Limit, IdOf, (writer, item) => item.WriteTo(writer)));
    }

    private static async Task CancelAsync(HttpContext http, string id)
    {
        _ = await FindAsync(http, id);
        throw new ApiException(ApiError.BadRequest("A response can be cancelled only where it is made in the background, which this server does not do: it is whole. Close the connection to end one that is being made."));
    }

    private static async Task<ResponsesRequest> ReadAsync(HttpContext http, string? model)
    {
        using JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted);
        return ResponsesRequestParser.Parse(body.RootElement, await EarlierResponses.LoadAsync(http, body.RootElement), model);
    }

    private static async Task<StoredResponse> FindAsync(HttpContext http, string id)
    {
        var store = http.Storage<ResponseStore>();
        return http.OwnedKey(id) is { } key && await store.TryReadAsync(key, http.RequestAborted) is { } json ? StoredResponse.Parse(key, json) : throw NotFound(id);
    }

    private static string IdOf(JsonElement item) => item.GetProperty("id").GetString()!;

    private static ApiException NotFound(string id) => new(ApiError.NotFound("response", RequestFields.Quote(id)));
}
