using System.Text;
using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>A completion job.</summary>
/// <param name="Key">Whose it is and its id, which name its result.</param>
/// <param name="Model">The model that is asked for; null leaves that to the request or the app.</param>
/// <param name="Request">The body of an OpenAI request: a JSON object.</param>
/// <param name="CallbackUrl">Where the job is posted when it has ended; null where nobody wants to be told.</param>
public sealed record CompletionJob(OwnedId Key, string? Model, JsonElement Request, Uri? CallbackUrl = null);

/// <summary>
/// A message of the queue <c>completion-requests</c>: <c>{"id","owner"?,"model"?,"request":{...},"callbackUrl"?,"retries"?,"supersedes"?}</c>, or, for a job that is too
/// long for a message, <c>{"id","owner"?,"requestBlob":"requests/KEY.json","retries"?}</c> where that blob (container <c>requests</c>) holds the first form.
/// <c>callback_url</c> and <c>request_blob</c>, as HTTP spells names, mean the same.
/// </summary>
/// <param name="Key">Whose job and its id.</param>
/// <param name="Job">The job; null when the message names a blob.</param>
/// <param name="Retries">How often the message was replaced by a new one because of what was no fault of the job.</param>
public sealed record JobMessage(OwnedId Key, CompletionJob? Job, int Retries = 0)
{
    /// <summary>The longest JSON that goes into a message: base64 makes 64 KiB of it, which is the service's limit.</summary>
    public const int MaxMessageBytes = 48 * 1024;

    /// <summary>The longest JSON that is read from a blob.</summary>
    public const int MaxBlobBytes = 16 << 20;

    /// <summary>The longest callback address, in characters.</summary>
    public const int MaxCallbackUrlLength = 2048;

    private const int MaxVersionLength = 100;

    /// <summary>The version of a result that this message takes away, because the job was queued anew; null for every other message.</summary>
    public string? Supersedes { get; init; }

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>Reads a message's text.</summary>
    /// <exception cref="JobMessageException">It is not a job; says what is wrong.</exception>
    public static JobMessage Parse(string text)
    {
        // The service lets nothing longer through; this guards other ways in.
        if (text.Length > 64 * 1024) throw new JobMessageException($"The job message is {text.Length} characters long; allowed are {64 * 1024}.");
        try
        {
            return Parse(StrictUtf8.GetBytes(text));
        }
        catch (EncoderFallbackException e)
        {
            throw new JobMessageException("The job message is not valid Unicode.", e);
        }
    }

    /// <summary>Reads a message's text, or a request blob, in UTF-8.</summary>
    /// <exception cref="JobMessageException">It is not a job; says what is wrong.</exception>
    public static JobMessage Parse(ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith(Encoding.UTF8.Preamble)) json = json[Encoding.UTF8.Preamble.Length..];
        try
        {
            using var document = JsonDocument.Parse(json, Options);
            return Read(document.RootElement);
        }
        catch (JsonException e)
        {
            string why = QueueText.WhyNotJson(Encoding.UTF8.GetString(json.Span)) ?? $"{FirstSentence(e.Message)} (line {e.LineNumber + 1}, byte {e.BytePositionInLine})";
            throw new JobMessageException($"The job message is not valid JSON: {why}.", e) { Job = RejectedJobReader.TryRead(json.Span) };
        }
        catch (InvalidOperationException e)
        {
            // A string with half a surrogate pair is valid JSON, but no text.
            throw new JobMessageException("The job message has a string that is not valid Unicode.", e) { Job = RejectedJobReader.TryRead(json.Span) };
        }
        catch (JobMessageException e)
        {
            throw new JobMessageException(e.Message, e) { Job = RejectedJobReader.TryRead(json.Span) };
        }
    }

    private static string FirstSentence(string text) => text.Split(". ", 2)[0].TrimEnd('.');

    /// <summary>The message as JSON in UTF-8; also what a request blob holds, of a message that has its job inline.</summary>
    public byte[] ToJson() => Write(writer =>
    {
        writer.WriteString("id", Key.Id);
        if (Key.Owner is not null) writer.WriteString("owner", Key.Owner);
        if (Job is null) writer.WriteString("requestBlob", BlobReference(Key));
        else WriteJob(writer, Job);
        if (Retries > 0) writer.WriteNumber("retries", Retries);
        if (Supersedes is not null) writer.WriteString("supersedes", Supersedes);
    });

    private static void WriteJob(Utf8JsonWriter writer, CompletionJob job)
    {
        if (job.Model is not null) writer.WriteString("model", job.Model);
        writer.WritePropertyName("request");
        job.Request.WriteTo(writer);
        if (job.CallbackUrl is not null) writer.WriteString("callbackUrl", job.CallbackUrl.AbsoluteUri);
    }

    private static JobMessage Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new JobMessageException("The job message is not a JSON object.");
        string? id = null, owner = null, model = null, blob = null, supersedes = null;
        JsonElement? request = null;
        Uri? callback = null;
        int retries = 0;
        foreach (JsonProperty field in root.EnumerateObject())
        {
            switch (field.Name)
            {
                case "id": id = ReadString(field); break;
                case "owner": owner = ReadString(field); break;
                case "model": model = ReadString(field); break;
                case "requestBlob" or "request_blob": blob = blob is null ? ReadString(field) : throw Twice("requestBlob"); break;
                case "callbackUrl" or "callback_url": callback = callback is null ? ReadCallbackUrl(field) : throw Twice("callbackUrl"); break;
                case "retries": retries = ReadRetries(field); break;
                case "supersedes": supersedes = ReadVersion(field); break;
                case "request" when field.Value.ValueKind == JsonValueKind.Object: request = field.Value.Clone(); break;
                case "request": throw new JobMessageException("The job message's 'request' is not a JSON object.");
                default:
                    throw new JobMessageException(
                        $"The job message has an unknown field, {Quote(field.Name)}; allowed are id, owner, model, request, requestBlob, callbackUrl, retries and supersedes.");
            }
        }
        OwnedId key = ReadKey(id, owner);
        if (request is null == blob is null) throw new JobMessageException($"Job {key} must have either 'request' or 'requestBlob'.");
        if (request is not null) return new JobMessage(key, new CompletionJob(key, model, request.Value, callback), retries) { Supersedes = supersedes };
        // Only its own blob: a message cannot make the app read another.
        if (blob != BlobReference(key)) throw new JobMessageException($"Job {key} has a wrong 'requestBlob'; allowed is '{BlobReference(key)}'.");
        return new JobMessage(key, null, retries) { Supersedes = supersedes };
    }

    private static OwnedId ReadKey(string? id, string? owner)
    {
        if (id is null) throw new JobMessageException("The job message has no 'id'.");
        if (!JobId.IsValid(id)) throw new JobMessageException($"The job message's 'id' is not usable; allowed are {JobId.Allowed}.");
        if (owner is not null && !OwnedId.IsValidOwner(owner))
            throw new JobMessageException($"The job message's 'owner' is not usable; allowed are {OwnedId.AllowedOwner}.");
        return new OwnedId(owner, id);
    }

    private static string ReadString(JsonProperty field) => field.Value.ValueKind == JsonValueKind.String
        ? field.Value.GetString()!
        : throw new JobMessageException($"The job message's '{field.Name}' is not a string.");

    private static string ReadVersion(JsonProperty field) =>
        ReadString(field) is { Length: > 0 and <= MaxVersionLength } version && version.All(character => character is >= ' ' and <= '~')
        ? version
        : throw new JobMessageException("The job message's 'supersedes' is not a version.");

    private static int ReadRetries(JsonProperty field) => field.Value.ValueKind == JsonValueKind.Number && field.Value.TryGetInt32(out int retries) && retries >= 0
        ? retries
        : throw new JobMessageException("The job message's 'retries' is not a number of times.");

    private static Uri ReadCallbackUrl(JsonProperty field) =>
        TryReadCallbackUrl(ReadString(field)) ?? throw new JobMessageException($"The job message's '{field.Name}' is not an https address.");

    /// <summary>An address that jobs may be posted to; null for any other text.</summary>
    internal static Uri? TryReadCallbackUrl(string text) =>
        text.Length <= MaxCallbackUrlLength && Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme == Uri.UriSchemeHttps ? url : null;

    private static JobMessageException Twice(string field) => new($"The job message has '{field}' twice, in two spellings.");

    /// <summary>A stranger's name on one line: control characters escaped, cut where it is long.</summary>
    private static string Quote(string name) => JsonSerializer.Serialize(name.Length <= 60 ? name : name[..60] + "...", StorageJson.Default.String);

    private static string BlobReference(OwnedId key) => $"{StorageNames.Requests}/{key.Path}.json";

    private static byte[] Write(Action<Utf8JsonWriter> writeFields)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writeFields(writer);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}
