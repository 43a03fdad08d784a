using System.Buffers;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Http.Jobs;

/// <summary>Reads the body of <c>POST /v1/jobs</c>: a body of <c>/v1/chat/completions</c> or <c>/v1/completions</c>, with <c>id</c> and <c>callback_url</c> as additions.</summary>
internal static class JobsRequest
{
    private const string Id = "id";
    private const string CallbackUrl = "callback_url";
    // As messages of the queue spell it.
    private const string CamelCallbackUrl = "callbackUrl";

    /// <summary>The fields of a job alone; all others are the completion's.</summary>
    public static readonly RouteFields Fields = new("POST " + JobsEndpoint.Route, [Id, CallbackUrl, CamelCallbackUrl]);

    /// <summary>Reads a body.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="owner">Whose job it will be.</param>
    /// <param name="callbacks">Which addresses are allowed.</param>
    /// <param name="engine">The model that the request is measured against; null while it is not loaded: then the worker measures it.</param>
    /// <param name="factory">Measures it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The job, what it asks for, and the tokens of its prompts (0 while no model is loaded).</returns>
    /// <exception cref="InvalidRequestException">A field is wrong.</exception>
    /// <exception cref="ApiException">Another model is asked for, or prompt and answer do not fit the context.</exception>
    public static async Task<(CompletionJob Job, CompletionRequest Request, int PromptTokens)> ReadAsync(
        JsonElement body, string? owner, CallbackRules callbacks, IInferenceEngine? engine, CompletionFactory factory, CancellationToken cancellationToken)
    {
        var fields = new RequestFields(body);
        OwnedId key = new OwnedId(owner, fields.String(Id) ?? JobId.New()).Validated();
        if (fields.String(CallbackUrl) is not null && fields.String(CamelCallbackUrl) is not null)
            throw new InvalidRequestException(CallbackUrl, $"{CallbackUrl} is there twice, also as {CamelCallbackUrl}.");
        Uri? callback = (fields.String(CallbackUrl) ?? fields.String(CamelCallbackUrl)) is { } url ? callbacks.Parse(url) : null;
        JsonElement request = WithoutAdditions(body);
        CompletionRequest parsed = CompletionRequestParser.ParseJob(request, null);
        Completion? measured = engine is null ? null : await factory.CreateAsync(engine, parsed, key.Id, DateTimeOffset.UnixEpoch, seed: 0, RequestClass.Batch, cancellationToken);
        return (new CompletionJob(key, parsed.Model, request, callback), parsed, measured?.PromptTokens ?? 0);
    }

    /// <summary>The request alone, as it is stored.</summary>
    private static JsonElement WithoutAdditions(JsonElement body)
    {
        var buffer = new ArrayBufferWriter<byte>();
        try
        {
            using (var json = new Utf8JsonWriter(buffer))
            {
                json.WriteStartObject();
                foreach (JsonProperty field in body.EnumerateObject())
                    if (!Fields.Honoured.Contains(field.Name))
                        field.WriteTo(json);
                json.WriteEndObject();
            }
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, which JSON's escapes can spell.
            throw new InvalidRequestException(null, "The request has a string that is not valid Unicode text.");
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }
}
