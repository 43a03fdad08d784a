using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gemma2.Testing;

/// <summary>A request as the <see cref="FakeHub"/> got it.</summary>
/// <param name="IsStore">Whether it came to the store behind the hub.</param>
/// <param name="Path">Its path, as it is in the file's repository or in the store.</param>
/// <param name="Range">What it asked for of a file; null for all of it.</param>
/// <param name="Authorization">Who it said it was.</param>
internal sealed record HubCall(bool IsStore, string Path, string? Range, string? Authorization)
{
    /// <summary>Where the range begins.</summary>
    public long Begin => Range is null ? 0 : long.Parse(Range["bytes=".Length..].Split('-')[0], CultureInfo.InvariantCulture);
}

/// <summary>What a fake hub does with a request instead of answering it, or before; true when that was the answer.</summary>
internal delegate Task<bool> HubFault(HttpContext context);

/// <summary>
/// Answers as the Hugging Face hub does: <c>/api/models/.../revision/...</c>, and <c>/OWNER/NAME/resolve/...</c>, which leads to a store at another address for files in LFS, and to a
/// path of its own for others. Sources: huggingface_hub (hf_api.py, file_download.py, utils/_http.py), and its issues 4637, 4815 for the redirects.
/// </summary>
internal sealed class FakeHub : IAsyncLifetime, IAsyncDisposable
{
    /// <summary>The token of an account that may read everything.</summary>
    public const string Token = "hf_theTokenThatMay";

    /// <summary>The token of an account that may read what is public.</summary>
    public const string OtherToken = "hf_theTokenThatMayNot";

    private readonly ConcurrentDictionary<string, Repository> _repositories = new();
    private readonly ConcurrentDictionary<string, byte[]> _stored = new();
    private readonly ConcurrentQueue<HubCall> _calls = new();
    private readonly Lock _lock = new();
    private readonly List<WebApplication> _servers = [];
    private Func<HttpContext, HubFault?> _rule = _ => null;
    private int _signature;

    /// <summary>Its address.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>The store's address.</summary>
    public Uri Store { get; private set; } = null!;

    /// <summary>All requests so far.</summary>
    public IReadOnlyList<HubCall> Calls => [.. _calls];

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Store = await ListenAsync(AnswerAsStoreAsync);
        Address = await ListenAsync(AnswerAsync);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (WebApplication server in _servers)
        {
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await server.StopAsync(now.Token);
            await server.DisposeAsync();
        }
    }

    /// <summary>Commits files to a repository's main branch. Weights are in LFS.</summary>
    /// <returns>The commit.</returns>
    public string Commit(string repository, params (string Path, byte[] Bytes)[] files)
    {
        string commit = RandomNumberGenerator.GetHexString(40, lowercase: true);
        Repository of = _repositories.GetOrAdd(repository, _ => new Repository());
        of.Commits[commit] = files.ToDictionary(file => file.Path, file => file.Bytes);
        of.Revisions["main"] = commit;
        foreach ((string path, byte[] bytes) in files.Where(file => IsLarge(file.Path))) _stored[Sha256(bytes)] = bytes;
        return commit;
    }

    /// <summary>Commits a folder's files.</summary>
    public string Commit(string repository, string folder) =>
        Commit(repository, [.. Directory.EnumerateFiles(folder).Select(file => (Path.GetFileName(file), File.ReadAllBytes(file)))]);

    /// <summary>Names a commit.</summary>
    public void Tag(string repository, string revision, string commit) => _repositories[repository].Revisions[revision] = commit;

    /// <summary>Lets only accounts in that have accepted the terms.</summary>
    public void Gate(string repository) => _repositories[repository].IsGated = true;

    /// <summary>Hides a repository.</summary>
    public void Hide(string repository) => _repositories[repository].IsPrivate = true;

    /// <summary>Makes the links invalid that were given so far.</summary>
    public void ExpireLinks() => Interlocked.Increment(ref _signature);

    /// <summary>Changes the bytes that the store gives for those of a file, and what they sum up to not.</summary>
    public void Damage(byte[] file)
    {
        byte[] damaged = [.. file];
        damaged[^1] ^= 1;
        _stored[Sha256(file)] = damaged;
    }

    /// <summary>Plays a fault on the first requests that the filter names.</summary>
    public void Play(HubFault fault, Func<HttpContext, bool> filter, int times = int.MaxValue)
    {
        int played = 0;
        lock (_lock) _rule = context => filter(context) && Interlocked.Increment(ref played) <= times ? fault : null;
    }

    /// <summary>No fault any more.</summary>
    public void Stop() => Play(_ => Task.FromResult(false), _ => false);

    /// <summary>Forgets the requests so far.</summary>
    public void Forget() => _calls.Clear();

    /// <summary>An answer that is none.</summary>
    public static HubFault Status(int status, params (string Name, string Value)[] headers) => context =>
    {
        context.Response.StatusCode = status;
        foreach ((string name, string value) in headers) context.Response.Headers[name] = value;
        return Task.FromResult(true);
    };

    /// <summary>No answer, ever.</summary>
    public static async Task<bool> Hang(HttpContext context)
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }

    /// <summary>The connection breaks after so many bytes of the body.</summary>
    public static HubFault CutAfter(int bytes) => context =>
    {
        context.Response.Body = new CutStream(context.Response.Body, bytes);
        return Task.FromResult(false);
    };

    /// <summary>Whether it is a request to the store.</summary>
    public bool IsStore(HttpContext context) => context.Connection.LocalPort == Store.Port;

    private async Task<Uri> ListenAsync(RequestDelegate answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        WebApplication server = builder.Build();
        server.Run(context => HandleAsync(context, answer));
        await server.StartAsync();
        _servers.Add(server);
        return new Uri(server.Urls.Single());
    }

    private async Task HandleAsync(HttpContext context, RequestDelegate answer)
    {
        HttpRequest request = context.Request;
        _calls.Enqueue(new HubCall(IsStore(context), request.Path.Value!, request.Headers.Range.FirstOrDefault(), request.Headers.Authorization.FirstOrDefault()));
        HubFault? fault;
        lock (_lock) fault = _rule(context);
        try
        {
            if (fault is null || !await fault(context)) await answer(context);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The client has gone, or the connection was cut.
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        string[] path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string name = string.Join('/', path[(path switch { ["api", "models", ..] => 2, ["api", "resolve-cache", ..] => 3, _ => 0 })..].Take(2));
        string? token = context.Request.Headers.Authorization.FirstOrDefault()?["Bearer ".Length..];
        if (token is not (null or Token or OtherToken))
        {
            await RefuseAsync(context, 401, null, "Invalid credentials in Authorization header");
            return;
        }
        if (!_repositories.TryGetValue(name, out Repository? repository) || (repository.IsPrivate && token != Token))
        {
            await (token is null ? RefuseAsync(context, 401, "RepoNotFound", "Invalid username or password.") : RefuseAsync(context, 404, "RepoNotFound", "Repository not found"));
            return;
        }
        switch (path)
        {
            case ["api", "models", _, _, "revision", var revision]:
                await AnswerModelAsync(context, name, repository, Uri.UnescapeDataString(revision));
                break;
            case ["api", "resolve-cache", "models", _, _, var commit, ..]:
                await GiveAsync(context, repository.Commits[commit][Uri.UnescapeDataString(string.Join('/', path[6..]))]);
                break;
            case [_, _, "resolve", var revision, ..]:
                await ResolveAsync(context, name, repository, Uri.UnescapeDataString(revision), string.Join('/', path[4..]), token);
                break;
            default:
                await RefuseAsync(context, 404, null, "Sorry, we can't find the page you are looking for.");
                break;
        }
    }

    private static async Task AnswerModelAsync(HttpContext context, string name, Repository repository, string revision)
    {
        if (repository.Find(revision) is not { } commit)
        {
            await RefuseAsync(context, 404, "RevisionNotFound", $"Invalid rev id: {revision}");
            return;
        }
        bool withBlobs = context.Request.Query["blobs"] == "true";
        var siblings = new JsonArray();
        foreach ((string path, byte[] bytes) in repository.Commits[commit]) siblings.Add(Sibling(path, bytes, withBlobs));
        await WriteJsonAsync(context, new JsonObject
        {
            ["_id"] = "65f0c0ffee",
            ["id"] = name,
            ["modelId"] = name,
            ["private"] = repository.IsPrivate,
            ["gated"] = repository.IsGated ? "manual" : false,
            ["sha"] = commit,
            ["tags"] = new JsonArray("gemma2"),
            ["siblings"] = siblings,
        });
    }

    private static JsonObject Sibling(string path, byte[] bytes, bool withBlobs)
    {
        var sibling = new JsonObject { ["rfilename"] = path };
        if (!withBlobs) return sibling;
        sibling["size"] = bytes.Length;
        // Of a file in LFS Git has a pointer.
        sibling["blobId"] = GitHash(IsLarge(path)
            ? Encoding.ASCII.GetBytes($"version https://git-lfs.github.com/spec/v1\noid sha256:{Sha256(bytes)}\nsize {bytes.Length}\n")
            : bytes);
        if (IsLarge(path)) sibling["lfs"] = new JsonObject { ["sha256"] = Sha256(bytes), ["size"] = bytes.Length, ["pointerSize"] = 134 };
        return sibling;
    }

    private async Task ResolveAsync(HttpContext context, string name, Repository repository, string revision, string path, string? token)
    {
        if (repository.IsGated && token != Token)
        {
            await RefuseAsync(
                context, token is null ? 401 : 403, "GatedRepo",
                $"Access to model {name} is restricted. You must have access to it and be authenticated to access it. Please log in.");
            return;
        }
        if (repository.Find(revision) is not { } commit)
        {
            await RefuseAsync(context, 404, "RevisionNotFound", $"Invalid rev id: {revision}");
            return;
        }
        if (!repository.Commits[commit].TryGetValue(path, out byte[]? bytes))
        {
            await RefuseAsync(context, 404, "EntryNotFound", "Entry not found");
            return;
        }
        context.Response.Headers["X-Repo-Commit"] = commit;
        if (IsLarge(path))
        {
            context.Response.Headers["X-Linked-Size"] = bytes.Length.ToString(CultureInfo.InvariantCulture);
            context.Response.Headers["X-Linked-Etag"] = $"\"{Sha256(bytes)}\"";
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = $"{Store}lfs/{Sha256(bytes)}?X-Amz-Expires=3600&Signature={Volatile.Read(ref _signature)}";
        }
        else
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"/api/resolve-cache/models/{name}/{commit}/{path}?etag=%22{GitHash(bytes)}%22";
        }
    }

    private async Task AnswerAsStoreAsync(HttpContext context)
    {
        // A store takes no token of the hub's: it would be one authorization too many.
        if (context.Request.Headers.ContainsKey("Authorization")) context.Response.StatusCode = 400;
        else if (context.Request.Query["Signature"] != Volatile.Read(ref _signature).ToString(CultureInfo.InvariantCulture)) context.Response.StatusCode = 403;
        else await GiveAsync(context, _stored[context.Request.Path.Value!["/lfs/".Length..]]);
    }

    private static async Task GiveAsync(HttpContext context, byte[] bytes)
    {
        context.Response.Headers.AcceptRanges = "bytes";
        (int begin, int end) = (0, bytes.Length - 1);
        if (context.Request.Headers.Range.FirstOrDefault() is { } range)
        {
            string[] ends = range["bytes=".Length..].Split('-');
            begin = int.Parse(ends[0], CultureInfo.InvariantCulture);
            end = Math.Min(end, int.Parse(ends[1], CultureInfo.InvariantCulture));
            context.Response.StatusCode = begin <= end ? 206 : 416;
            context.Response.Headers.ContentRange = begin <= end ? $"bytes {begin}-{end}/{bytes.Length}" : $"bytes */{bytes.Length}";
            if (begin > end) return;
        }
        context.Response.ContentLength = end - begin + 1;
        await context.Response.Body.WriteAsync(bytes.AsMemory(begin, end - begin + 1), context.RequestAborted);
    }

    private static async Task RefuseAsync(HttpContext context, int status, string? code, string message)
    {
        context.Response.StatusCode = status;
        if (code is not null) context.Response.Headers["X-Error-Code"] = code;
        context.Response.Headers["X-Error-Message"] = message;
        await WriteJsonAsync(context, new JsonObject { ["error"] = message });
    }

    private static async Task WriteJsonAsync(HttpContext context, JsonObject json)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(json.ToJsonString(), context.RequestAborted);
    }

    private static bool IsLarge(string path) => path.EndsWith(".safetensors", StringComparison.Ordinal) || path.EndsWith(".gguf", StringComparison.Ordinal) || path == "tokenizer.model";

    private static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static string GitHash(byte[] bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"));
        hash.AppendData(bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed class Repository
    {
        public ConcurrentDictionary<string, Dictionary<string, byte[]>> Commits { get; } = new();

        public ConcurrentDictionary<string, string> Revisions { get; } = new();

        public bool IsGated { get; set; }

        public bool IsPrivate { get; set; }

        public string? Find(string revision) => Commits.ContainsKey(revision) ? revision : Revisions.GetValueOrDefault(revision);
    }

    /// <summary>Kestrel closes the connection after a body that is shorter than its head says.</summary>
    private sealed class CutStream(Stream inner, int bytes) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer[..Math.Min(bytes, buffer.Length)], cancellationToken);
    }
}
