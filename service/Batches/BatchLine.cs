using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>A line of a batch's input: a request, or what is wrong with it.</summary>
internal sealed record BatchLine
{
    /// <summary>Its number in the file, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>The name that its maker gave it, where it could be read.</summary>
    public string? CustomId { get; init; }

    /// <summary>What it asks for; null when something is wrong with it.</summary>
    public CompletionRequest? Request { get; init; }

    /// <summary>Writes the answer to it, see <see cref="LineRequest.WriteBody"/>.</summary>
    public Action<Utf8JsonWriter, Completion, CompletionResult>? WriteBody { get; init; }

    /// <summary>Makes the answer repeatable: the line's own seed, or one that follows from its name and body alone.</summary>
    public long Seed { get; init; }

    /// <summary>What is wrong with it.</summary>
    public BatchError? Error { get; init; }
}

/// <summary>Reads the lines <c>{"custom_id","method":"POST","url","body":{...}}</c> of a batch's input. Source: OpenAI API reference, "Batch", request input object.</summary>
/// <param name="endpoint">The batch's endpoint, which each line must name, in either of its spellings.</param>
/// <param name="model">The model that is served, which each body must name.</param>
internal sealed class BatchLineParser(string endpoint, string model)
{
    private const int LongestCustomId = 512;

    private readonly Func<JsonElement, LineRequest> _read = LineDialect.Of(endpoint);

    /// <summary>Reads a line. Whatever is wrong with it is in the result.</summary>
    /// <param name="line">The line; not a blank one.</param>
    public BatchLine Parse(FileLine line)
    {
        if (line.Text is not { } text) return Bad(line.Number, null, "line_too_long", $"The line is longer than {LineReader.MaxLineBytes} bytes.");
        string? customId = null;
        try
        {
            using JsonDocument document = RequestBody.Parse(text);
            var fields = new RequestFields(document.RootElement);
            customId = CustomId(fields);
            CheckEnvelope(fields);
            return Read(line.Number, customId, Body(fields));
        }
        catch (ApiException e)
        {
            return Bad(line.Number, customId, e.Error.Code ?? "invalid_json_line", e.Message, e.Error.Parameter);
        }
        catch (InvalidRequestException e)
        {
            return Bad(line.Number, customId, "invalid_request", e.Message, e.Parameter);
        }
    }

    /// <summary>A line whose custom_id an earlier line has.</summary>
    public static BatchLine Duplicate(BatchLine line) =>
        Bad(line.Number, line.CustomId, "duplicate_custom_id", "custom_id is the same as an earlier line's; it must be unique within the batch.", "custom_id");

    private static BatchLine Bad(int number, string? customId, string code, string message, string? parameter = null) =>
        new() { Number = number, CustomId = customId, Error = new BatchError(code, message, number, parameter) };

    private static string CustomId(RequestFields fields)
    {
        string id = fields.Required("custom_id", fields.String("custom_id"));
        return id.Length is > 0 and <= LongestCustomId
            ? id
            : throw new InvalidRequestException("custom_id", $"custom_id has {id.Length} characters; allowed are 1 to {LongestCustomId}.");
    }

    private void CheckEnvelope(RequestFields fields)
    {
        foreach (JsonProperty field in fields.All)
        {
            if (field.Name is not ("custom_id" or "method" or "url" or "body"))
                throw new InvalidRequestException(RequestFields.Quote(field.Name), $"{RequestFields.Quote(field.Name)} is an unknown field; allowed are custom_id, method, url and body.");
        }
        if (fields.Required("method", fields.String("method")) != "POST") throw new InvalidRequestException("method", "method must be POST.");
        if (BatchEndpoint.TryFind(fields.Required("url", fields.String("url"))) != BatchEndpoint.TryFind(endpoint))
            throw new InvalidRequestException("url", $"url must be the batch's endpoint, {endpoint}.");
    }

    private static JsonElement Body(RequestFields fields) => fields.TryGet("body", out JsonElement body)
        ? body
        : throw new InvalidRequestException("body", "body is missing.");

    private BatchLine Read(int number, string customId, JsonElement body)
    {
        LineRequest line = _read(body);
        CompletionRequest request = line.Completion;
        if (request.Stream) throw new InvalidRequestException("stream", "stream is not supported in a batch; leave it out.");
        if (request.Model != model) throw new ApiException(ApiError.ModelNotFound(RequestFields.Quote(request.Model), model));
        return new BatchLine { Number = number, CustomId = customId, Request = request, WriteBody = line.WriteBody, Seed = request.Seed ?? SeedOf(customId, body) };
    }

    /// <summary>The same line gives the same answer, in whichever batch and however often. The seed is exact in JSON numbers everywhere.</summary>
    private static long SeedOf(string customId, JsonElement body) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{customId}\n{body.GetRawText()}"))) & ((1L << 53) - 1);
}
