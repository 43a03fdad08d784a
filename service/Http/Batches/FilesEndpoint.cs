using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Http.Access;
using Gemma2.Storage;
using Gemma2.Storage.Files;
using Microsoft.AspNetCore.Mvc;

namespace Gemma2.Service.Http.Batches;

/// <summary><c>/v1/files</c>: what batches read and what they have made. Source: OpenAI API reference, "Files".</summary>
internal static class FilesEndpoint
{
    public const string Route = "/v1/files";

    /// <summary>The longest time that a file may come or go. A connection that stands still is ended long before: bytes must move, and each block that is stored has a limit of its own.</summary>
    private static readonly TimeSpan TransferTime = TimeSpan.FromHours(1);

    private const int LongestList = 10_000;
    private const string PurposeField = "purpose";

    /// <summary>The parameters of a list.</summary>
    public static readonly RouteFields ListFields = new("GET " + Route, [PageQuery.LimitField, PageQuery.AfterField, PageQuery.OrderField, PurposeField]);

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Route, UploadAsync).WithMetadata(new RequestSizeLimitAttribute(FileForm.MaxDrainedBytes));
        routes.MapGet(Route, ListAsync);
        routes.MapGet(Route + "/{id}", GetAsync);
        routes.MapGet(Route + "/{id}/content", DownloadAsync);
        routes.MapDelete(Route + "/{id}", DeleteAsync);
    }

    private static async Task UploadAsync(HttpContext http)
    {
        var store = http.Storage<FileStore>();
        http.SetTimeLimit(TransferTime);
        StoredFile file = await FileForm.ReadAsync(
            http.Request,
            (name, content, lifetime) => http.Storage<Quotas>().StoreAsync(
                http.Owner(),
                content,
                counted => store.UploadAsync(new OwnedId(http.Owner(), FileStore.NewId()), name, FileStore.BatchPurpose, counted, null, http.RequestAborted, lifetime),
                http.RequestAborted),
            http.RequestAborted);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => Write(json, file));
    }

    private static async Task ListAsync(HttpContext http)
    {
        PageQuery page = PageQuery.Read(http.Request, LongestList, LongestList);
        string? purpose = http.Request.Query[PurposeField];
        IAsyncEnumerable<StoredFile> oldestFirst = http.Storage<FileStore>().ListAsync(http.Owner(), http.RequestAborted)
            .Where(file => string.IsNullOrEmpty(purpose) || file.Purpose == purpose);
        // One more than the page has says whether there are more.
        List<StoredFile> files = await Behind(page, oldestFirst, page.Limit + 1).ToListAsync(http.RequestAborted);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
            PageQuery.WriteList(json, files[..Math.Min(page.Limit, files.Count)], files.Count > page.Limit, file => file.Key.Id, Write));
    }

    /// <summary>
    /// The first files behind the page's beginning. Later ids sort later. Storage lists them in that order alone, from its beginning and in parts of its own:
    /// what lies before a page is read too, what lies behind it is not, and no more than the page is kept.
    /// </summary>
    private static IAsyncEnumerable<StoredFile> Behind(PageQuery page, IAsyncEnumerable<StoredFile> oldestFirst, int count) => page.OldestFirst
        ? oldestFirst.Where(file => string.CompareOrdinal(file.Key.Id, page.After) > 0).Take(count)
        : oldestFirst.TakeWhile(file => page.After is null || string.CompareOrdinal(file.Key.Id, page.After) < 0).TakeLast(count).Reverse();

    private static async Task GetAsync(HttpContext http, string id)
    {
        StoredFile file = await FindAsync(http, id);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => Write(json, file));
    }

    private static async Task DownloadAsync(HttpContext http, string id)
    {
        StoredFile file = await FindAsync(http, id);
        await using Stream content = await http.Storage<FileStore>().TryOpenReadAsync(file.Key, 0, null, http.RequestAborted) ?? throw NotFound(id);
        http.SetTimeLimit(TransferTime);
        http.Response.ContentType = "application/octet-stream";
        http.Response.ContentLength = file.Bytes;
        if (!HttpMethods.IsHead(http.Request.Method))
            await content.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    private static async Task DeleteAsync(HttpContext http, string id)
    {
        if (http.OwnedKey(id) is not { } key || !await http.Storage<FileStore>().DeleteAsync(key, http.RequestAborted))
            throw NotFound(id);
        await JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("object", "file");
            json.WriteBoolean("deleted", true);
            json.WriteEndObject();
        });
    }

    private static async Task<StoredFile> FindAsync(HttpContext http, string id) =>
        (http.OwnedKey(id) is { } key ? await http.Storage<FileStore>().TryGetAsync(key, http.RequestAborted) : null) ?? throw NotFound(id);

    private static ApiException NotFound(string id) => new(ApiError.NotFound("file", RequestFields.Quote(id)));

    private static void Write(Utf8JsonWriter json, StoredFile file)
    {
        json.WriteStartObject();
        json.WriteString("id", file.Key.Id);
        json.WriteString("object", "file");
        json.WriteNumber("bytes", file.Bytes);
        json.WriteNumber("created_at", file.CreatedAt.ToUnixTimeSeconds());
        if (file.ExpiresAt is { } expiry)
            json.WriteNumber("expires_at", expiry.ToUnixTimeSeconds());
        else
            json.WriteNull("expires_at");
        json.WriteString("filename", file.Name);
        json.WriteString("purpose", file.Purpose);
        json.WriteString("status", "processed");
        json.WriteEndObject();
    }
}
