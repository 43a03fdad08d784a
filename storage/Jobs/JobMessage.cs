using System.Text;
using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>A completion job.</summary>
/// <param name="Id">The job's id (<see cref="JobId"/>), which names its result.</param>
/// <param name="Model">The model that is asked for; null leaves that to the request or the app.</param>
/// <param name="Request">The body of an OpenAI request: a JSON object.</param>
public sealed record CompletionJob(string Id, string? Model, JsonElement Request);

/// <summary>
/// A message of the queue <c>completion-requests</c>: <c>{"id","model","request":{...}}</c>, or, for a job that is too long for a message,
/// <c>{"id","requestBlob":"requests/ID.json"}</c> where that blob (container <c>requests</c>) holds the first form.
/// </summary>
/// <param name="Id">The job's id.</param>
/// <param name="Job">The job; null when the message names a blob.</param>
public sealed record JobMessage(string Id, CompletionJob? Job)
{
    /// <summary>The longest JSON that goes into a message: base64 makes 64 KiB of it, which is the service's limit.</summary>
    public const int MaxMessageBytes = 48 * 1024;

    /// <summary>The longest JSON that is read from a blob.</summary>
    public const int MaxBlobBytes = 16 << 20;

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
        try
        {
            using var document = JsonDocument.Parse(json, Options);
            return Read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new JobMessageException($"The job message is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).", e);
        }
        catch (InvalidOperationException e)
        {
            // A string with half a surrogate pair is valid JSON, but no text.
            throw new JobMessageException("The job message has a string that is not valid Unicode.", e);
        }
    }

    /// <summary>A job as a message or a request blob holds it.</summary>
    public static byte[] ToJson(CompletionJob job) => Write(writer =>
    {
        writer.WriteString("id", job.Id);
        if (job.Model is not null) writer.WriteString("model", job.Model);
        writer.WritePropertyName("request");
        job.Request.WriteTo(writer);
    });

    /// <summary>The message that names a job's request blob.</summary>
    public static byte[] ToBlobReference(string id) => Write(writer =>
    {
        writer.WriteString("id", id);
        writer.WriteString("requestBlob", BlobReference(id));
    });

    private static JobMessage Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new JobMessageException("The job message is not a JSON object.");
        string? id = null, model = null, blob = null;
        JsonElement? request = null;
        foreach (JsonProperty field in root.EnumerateObject())
        {
            switch (field.Name)
            {
                case "id": id = ReadString(field); break;
                case "model": model = ReadString(field); break;
                case "requestBlob": blob = ReadString(field); break;
                case "request" when field.Value.ValueKind == JsonValueKind.Object: request = field.Value.Clone(); break;
                case "request": throw new JobMessageException("The job message's 'request' is not a JSON object.");
                default: throw new JobMessageException("The job message has an unknown field; allowed are id, model, request and requestBlob.");
            }
        }
        if (id is null) throw new JobMessageException("The job message has no 'id'.");
        if (!JobId.IsValid(id)) throw new JobMessageException($"The job message's 'id' is not usable; allowed are {JobId.Allowed}.");
        if (request is null == blob is null) throw new JobMessageException($"Job {id} must have either 'request' or 'requestBlob'.");
        if (request is not null) return new JobMessage(id, new CompletionJob(id, model, request.Value));
        // Only its own blob: a message cannot make the app read another.
        if (blob != BlobReference(id)) throw new JobMessageException($"Job {id} has a wrong 'requestBlob'; allowed is '{BlobReference(id)}'.");
        return new JobMessage(id, null);
    }

    private static string ReadString(JsonProperty field) => field.Value.ValueKind == JsonValueKind.String
        ? field.Value.GetString()!
        : throw new JobMessageException($"The job message's '{field.Name}' is not a string.");

    private static string BlobReference(string id) => $"{StorageNames.Requests}/{id}.json";

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
