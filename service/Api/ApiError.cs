using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Storage;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Api;

/// <summary>An error as OpenAI's clients read it: <c>{"error":{"message","type","param","code"}}</c> and an HTTP status.</summary>
/// <param name="Status">The HTTP status that goes with it.</param>
/// <param name="Message">One line for the user.</param>
/// <param name="Type">OpenAI's class of error: <c>invalid_request_error</c>, <c>server_error</c>, ...</param>
/// <param name="Parameter">The request's field that is wrong, or null.</param>
/// <param name="Code">A word for programs, or null.</param>
/// <param name="RetryAfter">When to try again, where that helps.</param>
internal sealed record ApiError(int Status, string Message, string Type, string? Parameter = null, string? Code = null, TimeSpan? RetryAfter = null)
{
    private const string InvalidRequest = "invalid_request_error";
    private const string ServerError = "server_error";
    private const string Quota = "insufficient_quota";
    private const string QuotaExceeded = "quota_exceeded";

    /// <summary>When to come back to a server that has no room for a request: one that waits moves on within seconds.</summary>
    private static readonly TimeSpan BusyTime = TimeSpan.FromSeconds(5);

    public static ApiError BadRequest(string message, string? parameter = null, string? code = null) => new(400, message, InvalidRequest, parameter, code);

    public static ApiError InvalidApiKey { get; } = new(
        401, "The API key is missing or wrong; send one of the server's keys as 'Authorization: Bearer KEY', 'api-key: KEY' or 'x-api-key: KEY'.",
        InvalidRequest, null, "invalid_api_key");

    public static ApiError LoopbackOnly { get; } =
        new(403, "This server has no API keys (Gemma2__ApiKeys) and so answers loopback clients only.", "permission_error", null, "loopback_only");

    public static ApiError ModelNotFound(string name, string served) =>
        new(404, $"The model '{name}' does not exist here; this server serves '{served}'.", InvalidRequest, "model", "model_not_found");

    public static ApiError NotFound(string kind, string id) => new(404, $"There is no {kind} with the id '{id}'.", InvalidRequest, "id", "not_found");

    public static ApiError NoStorage { get; } =
        new(501, "This server has no storage (AzureWebJobsStorage), which files, batches and jobs need.", ServerError, null, "no_storage");

    public static ApiError BodyTooLarge(int limit) =>
        new(413, $"The request body is longer than {limit} bytes, which is the most this server reads.", InvalidRequest, null, "request_too_large");

    public static ApiError ContentType(string? given, string allowed) =>
        new(415, $"The content type is '{given}'; allowed is {allowed}.", InvalidRequest, null, "unsupported_media_type");

    public static ApiError RateLimited(string kind, int limit, TimeSpan wait) => new(
        429, $"The limit of {limit} {kind} a minute is reached; try again in {Math.Ceiling(wait.TotalSeconds)} s.", kind, null, "rate_limit_exceeded", wait);

    public static ApiError TooManyActive(string kind, long limit) => new(
        429, $"This key may have {limit} {kind} that have not ended; try again when one has, or cancel one.", Quota, null, QuotaExceeded, BusyTime);

    public static ApiError TooManyBytes(long limit) =>
        new(403, $"This key may have {limit} bytes of files; delete some that are no longer needed.", Quota, "file", QuotaExceeded);

    public static ApiError ModelLoading(string progress) =>
        new(503, $"The model is still being loaded ({progress}); try again soon.", ServerError, null, "model_loading");

    public static ApiError NotTurnedOn(string route) =>
        new(404, $"{route} is not turned on here: set Gemma2__AdminKey, and send it as the key.", InvalidRequest, null, "not_turned_on");

    public static ApiError InvalidAdminKey { get; } = new(
        401, "The admin key is missing or wrong; send Gemma2__AdminKey as 'Authorization: Bearer KEY', 'api-key: KEY' or 'x-api-key: KEY'. No client's key opens this route.",
        InvalidRequest, null, "invalid_api_key");

    public static ApiError ReloadRunning(string what) => new(409, $"The model cannot be reloaded now: {what}. GET the same path to see how far it is.", InvalidRequest, null, "reload_running");

    public static ApiError ReloadFailed(string reason) => new(500, $"The model was not reloaded. {reason}", ServerError, null, "reload_failed");

    public static ApiError Stopping { get; } = new(503, "The server is stopping; try again.", ServerError, null, "stopping");

    public static ApiError RequestTimedOut(TimeSpan limit) =>
        new(503, $"The request took longer than {limit.TotalSeconds:0} s and was given up; try again.", ServerError, null, "timeout");

    public static ApiError TimedOut(TimeSpan limit) =>
        new(504, $"The answer took longer than {limit.TotalMinutes:0} minutes and was given up.", ServerError, null, "timeout");

    /// <summary>The error object for a status that has no body of its own: an unknown route, a wrong method.</summary>
    public static ApiError FromStatus(int status, HttpRequest request) => status switch
    {
        404 => new(404, $"Unknown request URL: {request.Method} {request.Path}.", InvalidRequest, null, "unknown_url"),
        405 => new(405, $"Not allowed: {request.Method} on {request.Path}.", InvalidRequest, null, "method_not_allowed"),
        >= 500 => new(status, "The server had an error.", ServerError),
        _ => new(status, "The request is not a valid HTTP request.", InvalidRequest),
    };

    /// <summary>What a user is told of <paramref name="exception"/>: its own words where they are meant for users, nothing of it where they are not.</summary>
    public static ApiError FromException(Exception exception) => exception switch
    {
        ApiException api => api.Error,
        InvalidRequestException invalid => BadRequest(invalid.Message, invalid.Parameter, invalid.Code ?? (invalid.Parameter is null ? null : ErrorCodes.WrongValue)),
        FileTooLongException tooLong => new(413, tooLong.Message, InvalidRequest, "file", "file_too_large"),
        GenerationException failed => new(500, failed.Message, ServerError, null, "generation_failed"),
        BusyException busy => new(429, busy.Message, ServerError, null, "server_busy", BusyTime),
        DeviceException device => new(500, device.Message, ServerError, null, "device_failed"),
        StorageException storage => new(503, storage.Message, ServerError, null, "storage_unavailable"),
        Gemma2Exception known => new(500, known.Message, ServerError),
        BadHttpRequestException http => new(http.StatusCode, http.Message, InvalidRequest),
        OperationCanceledException => Stopping,
        _ => new(500, "The server had an error while it worked on the request.", ServerError),
    };

    /// <summary>Writes <c>{"error":{...}}</c>.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WritePropertyName("error");
        WriteContent(json);
        json.WriteEndObject();
    }

    /// <summary>Writes <c>{"message","type","param","code"}</c>.</summary>
    public void WriteContent(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("message", Message);
        json.WriteString("type", Type);
        json.WriteString("param", Parameter);
        json.WriteString("code", Code);
        json.WriteEndObject();
    }
}

/// <summary>Ends a request with <see cref="Error"/>.</summary>
internal sealed class ApiException(ApiError error) : Gemma2Exception(error.Message)
{
    public ApiError Error { get; } = error;
}
