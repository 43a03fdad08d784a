using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;

namespace Gemma2.Storage;

/// <summary>
/// A storage account, named by settings as every Functions app has them: <c>AzureWebJobsStorage</c> is a connection string, or
/// <c>AzureWebJobsStorage:accountName</c> (or <c>:blobServiceUri</c> and <c>:queueServiceUri</c>) is opened with the app's identity,
/// <c>:clientId</c> picks a user-assigned one. In the environment ':' is written "__". Safe for all threads; make one a process.
/// </summary>
public sealed partial class StorageConnection
{
    private readonly StorageClock _clock;

    private StorageConnection(Func<BlobClientOptions, BlobServiceClient> blobs, Func<QueueClientOptions, QueueServiceClient> queues, StorageTuning tuning)
    {
        _clock = new StorageClock(tuning.Time);
        HttpPipelineTransport transport = tuning.Transport ?? Transport(tuning.Retry.ConnectTimeout);
        Blobs = blobs(Configured(new BlobClientOptions(), transport, hasVersions: true));
        Queues = queues(Configured(new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None }, transport, hasVersions: false));
        Pipeline = new StoragePipeline(tuning);
        QueuePipeline = new StoragePipeline(tuning);
    }

    /// <summary>The time as storage tells it: the same for all workers, however wrong their own clocks are. This machine's time before the first answer.</summary>
    public DateTimeOffset UtcNow => _clock.UtcNow;

    internal BlobServiceClient Blobs { get; }

    /// <summary>Who opens the account; null where a key or a signature does.</summary>
    internal TokenCredential? Identity { get; private init; }

    internal QueueServiceClient Queues { get; }

    /// <summary>The way of every call to blobs.</summary>
    internal StoragePipeline Pipeline { get; }

    /// <summary>The way of every call to queues: the two services fail apart from each other.</summary>
    internal StoragePipeline QueuePipeline { get; }

    /// <summary>Reads the settings from the process's environment variables.</summary>
    /// <exception cref="StorageException">A setting is missing or wrong; the message names it, never its secret.</exception>
    public static StorageConnection FromEnvironment(string name = "AzureWebJobsStorage") =>
        FromSettings(key => Environment.GetEnvironmentVariable(key.Replace(":", "__", StringComparison.Ordinal)), name);

    /// <summary>Reads the settings from a configuration.</summary>
    /// <param name="setting">Gives a setting's value or null: <c>key => configuration[key]</c>.</param>
    /// <param name="name">The connection's name in the configuration.</param>
    /// <exception cref="StorageException">A setting is missing or wrong; the message names it, never its secret.</exception>
    public static StorageConnection FromSettings(Func<string, string?> setting, string name = "AzureWebJobsStorage") =>
        FromSettings(setting, name, new StorageTuning());

    internal static StorageConnection FromSettings(Func<string, string?> setting, string name, StorageTuning tuning)
    {
        string? Value(string key) => setting(key) is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

        return Value(name) is { } connectionString
            ? FromConnectionString(connectionString, name, tuning)
            : FromIdentity(Value, name, tuning);
    }

    /// <summary>The blob endpoint, which is no secret.</summary>
    public override string ToString() => Blobs.Uri.GetLeftPart(UriPartial.Path);

    private static StorageConnection FromConnectionString(string connectionString, string name, StorageTuning tuning)
    {
        try
        {
            var connection = new StorageConnection(
                options => new BlobServiceClient(connectionString, options), options => new QueueServiceClient(connectionString, options), tuning);
            if (connection.Blobs.Uri is not null && connection.Queues.Uri is not null) return connection;
            throw new FormatException("An endpoint is missing.");
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            // The parser's exception may quote a piece of the string: it goes no further.
            throw new StorageException(
                $"{name} is not a usable storage connection string; expected is "
                + "'DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net' as the portal shows it.");
        }
    }

    private static StorageConnection FromIdentity(Func<string, string?> value, string name, StorageTuning tuning)
    {
        string? account = value($"{name}:accountName");
        if (account is not null && !AccountName().IsMatch(account))
            throw new StorageException($"{name}__accountName is '{account}'; allowed are 3 to 24 lower-case letters and digits.");
        Uri blobs = ServiceUri(value, name, account, "blob");
        Uri queues = ServiceUri(value, name, account, "queue");
        TokenCredential credential = tuning.Identity ?? Credential(value, name);
        return new StorageConnection(
            options => new BlobServiceClient(blobs, credential, options), options => new QueueServiceClient(queues, credential, options), tuning)
        {
            Identity = credential,
        };
    }

    private static Uri ServiceUri(Func<string, string?> value, string name, string? account, string service)
    {
        string? uri = value($"{name}:{service}ServiceUri") ?? (account is null ? null : $"https://{account}.{service}.core.windows.net");
        if (uri is null)
        {
            throw new StorageException(
                $"Storage is not configured: set {name} to a connection string, or {name}__accountName "
                + $"(or {name}__blobServiceUri and {name}__queueServiceUri) to use a managed identity.");
        }
        // A token may only travel over TLS, and a query would be a shared access signature: a secret in a setting that is none.
        if (!Uri.TryCreate(uri, UriKind.Absolute, out Uri? parsed) || parsed.Scheme != Uri.UriSchemeHttps || parsed.Query.Length > 0 || parsed.UserInfo.Length > 0)
            throw new StorageException($"{name}__{service}ServiceUri is not an https address without a query, such as https://ACCOUNT.{service}.core.windows.net.");
        return parsed;
    }

    private static TokenCredential Credential(Func<string, string?> value, string name)
    {
        string? clientId = value($"{name}:clientId");
        string? kind = value($"{name}:credential");
        if (kind is not null && !kind.Equals("managedidentity", StringComparison.OrdinalIgnoreCase))
            throw new StorageException($"{name}__credential is '{kind}'; allowed is 'managedidentity', or nothing.");
        if (clientId is not null) return new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(clientId));
        return kind is null ? new DefaultAzureCredential() : new ManagedIdentityCredential(ManagedIdentityId.SystemAssigned);
    }

    /// <summary>What the client library's own transport is, which waits for a connection as long as the system does: minutes.</summary>
    private static HttpClientTransport Transport(TimeSpan connectTimeout) => new(new HttpClient(new SocketsHttpHandler
    {
        ConnectTimeout = connectTimeout,
        AllowAutoRedirect = false,
        UseCookies = false,
        // More than the ranges that are ever in flight: how many that is, the link's pace says.
        MaxConnectionsPerServer = 256,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    {
        // A try's limit is the pipeline's.
        Timeout = Timeout.InfiniteTimeSpan,
    });

    private T Configured<T>(T options, HttpPipelineTransport transport, bool hasVersions) where T : ClientOptions
    {
        options.Retry.MaxRetries = 0;
        options.Retry.NetworkTimeout = Timeout.InfiniteTimeSpan;
        options.Diagnostics.IsTelemetryEnabled = false;
        options.AddPolicy(new StorageAnswers(_clock, hasVersions), HttpPipelinePosition.PerRetry);
        options.Transport = transport;
        return options;
    }

    [GeneratedRegex("^[a-z0-9]{3,24}$")]
    private static partial Regex AccountName();
}
