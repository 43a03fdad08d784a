using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Batches;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Streaming;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Http.Batches;

/// <summary><c>/v1/batches</c>: many requests in one file. Source: OpenAI API reference, "Batch".</summary>
internal static class BatchesEndpoint
{
    public const string Route = "/v1/batches";

    private static readonly string[] NewBatchFields = ["input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after", "callback_url"];

    /// <summary>The fields of a new batch.</summary>
    public static readonly RouteFields Fields = new("POST " + Route, NewBatchFields);

    /// <summary>The fields of a batch that is estimated: those of a new one.</summary>
    public static readonly RouteFields EstimateFields = new($"POST {Route}/estimate", NewBatchFields);

    /// <summary>The parameters of a list.</summary>
    public static readonly RouteFields ListFields = new("GET " + Route, [PageQuery.LimitField, PageQuery.AfterField]);

    /// <summary>The parameters of a batch's results.</summary>
    public static readonly RouteFields ResultFields = new($"GET {Route}/{{id}}/results", [PageQuery.LimitField, PageQuery.AfterField]);

    private const int DefaultList = 20;
    private const int LongestList = 100;
    private const int DefaultResults = 100;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Route, CreateAsync);
        routes.MapPost(Route + "/estimate", EstimateAsync);
        routes.MapGet(Route, ListAsync);
        routes.MapGet(Route + "/{id}", GetAsync);
        routes.MapPost(Route + "/{id}/cancel", CancelAsync);
        routes.MapPost(Route + "/{id}/retry", RetryAsync);
        routes.MapGet(Route + "/{id}/results", ResultsAsync);
    }

    private static async Task CreateAsync(HttpContext http, CallbackRules callbacks)
    {
        NewBatch batch;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
            batch = Read(new RequestFields(body.RootElement), http.Owner(), callbacks);
        await SendAsync(http, await MakeAsync(http, () => http.Storage<BatchStore>().CreateAsync(batch, http.RequestAborted)));
    }

    private static async Task EstimateAsync(HttpContext http, CallbackRules callbacks)
    {
        NewBatch batch;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
            batch = Read(new RequestFields(body.RootElement), http.Owner(), callbacks);
        BatchEstimate estimate = await http.Storage<BatchEstimator>().RunAsync(batch, http.RequestAborted);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => BatchJson.WriteEstimate(json, estimate));
    }

    private static async Task ListAsync(HttpContext http)
    {
        PageQuery page = PageQuery.Read(http.Request, DefaultList, LongestList);
        (IReadOnlyList<BatchRecord> batches, bool hasMore) =
            await http.Storage<BatchStore>().ListAsync(http.Owner(), page.After, page.Limit, http.RequestAborted);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
            PageQuery.WriteList(json, batches, hasMore, batch => batch.Key.Id, BatchJson.Write));
    }

    private static async Task GetAsync(HttpContext http, string id, StateStream states)
    {
        BatchRecord batch = await FindAsync(http, id, store => store.TryReadAsync);
        if (StateStream.IsWanted(http.Request))
            await states.SendAsync(http, batch, token => http.Storage<BatchStore>().TryReadAsync(batch.Key, token), now => now.HasEnded, BatchJson.Write);
        else
            await SendAsync(http, batch);
    }

    private static async Task CancelAsync(HttpContext http, string id) => await SendAsync(http, await FindAsync(http, id, store => store.CancelAsync));

    private static async Task RetryAsync(HttpContext http, string id)
    {
        BatchRecord? retry = http.OwnedKey(id) is { } key ? await MakeAsync(http, () => http.Storage<BatchRetry>().RunAsync(key, http.RequestAborted)) : null;
        await SendAsync(http, retry ?? throw NotFound(id));
    }

    private static async Task ResultsAsync(HttpContext http, string id)
    {
        PageQuery page = PageQuery.Read(http.Request, DefaultResults, BatchResults.MaxLines);
        BatchResultPage? results = http.OwnedKey(id) is { } key ? await http.Storage<BatchResults>().TryReadAsync(key, page.After, page.Limit, http.RequestAborted) : null;
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => BatchJson.WriteResults(json, results ?? throw NotFound(id)));
    }

    private static async Task<BatchRecord> FindAsync(
        HttpContext http, string id, Func<BatchStore, Func<Storage.OwnedId, CancellationToken, Task<BatchRecord?>>> call) =>
        (http.OwnedKey(id) is { } key ? await call(http.Storage<BatchStore>())(key, http.RequestAborted) : null)
        ?? throw NotFound(id);

    private static Task<T> MakeAsync<T>(HttpContext http, Func<Task<T>> make) => http.Storage<Quotas>().MakeBatchAsync(http.Owner(), make, http.RequestAborted);

    private static ApiException NotFound(string id) => new(ApiError.NotFound("batch", RequestFields.Quote(id)));

    private static Task SendAsync(HttpContext http, BatchRecord batch) =>
        JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => BatchJson.Write(json, batch));

    private static NewBatch Read(RequestFields request, string? owner, CallbackRules callbacks)
    {
        Fields.Check(request);
        return new NewBatch(
            owner,
            request.Required("endpoint", request.String("endpoint")),
            request.Required("input_file_id", request.String("input_file_id")),
            request.Required("completion_window", request.String("completion_window")),
            Metadata(request),
            OutputLifetime(request),
            request.String("callback_url") is { } url ? callbacks.Parse(url) : null);
    }

    private static TimeSpan? OutputLifetime(RequestFields request)
    {
        if (!request.TryGet("output_expires_after", out JsonElement value))
            return null;
        var lifetime = new RequestFields(value, "output_expires_after");
        if (lifetime.All.FirstOrDefault(field => field.Name is not ("anchor" or "seconds")) is { Value.ValueKind: not JsonValueKind.Undefined } other)
            throw new InvalidRequestException(lifetime.Path(RequestFields.Quote(other.Name)), $"{lifetime.Path(RequestFields.Quote(other.Name))} is not supported; leave it out.", ErrorCodes.UnsupportedField);
        return FileLifetime.Parse(lifetime.String("anchor"), lifetime.Integer("seconds"), part => lifetime.Path(part));
    }

    private static Dictionary<string, string>? Metadata(RequestFields request) => request.TryGet("metadata", out JsonElement metadata)
        ? new RequestFields(metadata, "metadata").All.ToDictionary(field => field.Name, field => RequestFields.Text(field.Value, $"metadata.{RequestFields.Quote(field.Name)}"))
        : null;
}
