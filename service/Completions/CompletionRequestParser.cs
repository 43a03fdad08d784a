using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>
/// Reads the bodies of <c>POST /v1/completions</c> and <c>POST /v1/chat/completions</c>, with OpenAI's defaults and <c>top_k</c> and <c>drafts</c> as extensions.
/// Everything wrong that can be seen without the model is an <see cref="InvalidRequestException"/>.
/// </summary>
internal static class CompletionRequestParser
{
    private static readonly string[] SharedFields =
        ["model", "max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "stream", "stream_options", "drafts"];

    private static readonly FrozenSet<string> TextFields = SharedFields.Append("prompt").ToFrozenSet();
    private static readonly FrozenSet<string> ChatFields = SharedFields.Concat(["messages", "max_completion_tokens"]).ToFrozenSet();
    private static readonly FrozenSet<string> StreamOptionFields = FrozenSet.Create("include_usage", "include_obfuscation");

    /// <summary>Reads a body of <c>/v1/completions</c>.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="model">The model where the body names none; where both name one they must agree.</param>
    public static CompletionRequest ParseText(JsonElement body, string? model = null)
    {
        var request = new RequestFields(body);
        UnsupportedFields.Check(request, TextFields);
        return ParseShared(request, PromptParser.Text(request), model) with { MaxTokens = MaxTokens(request, "max_tokens") };
    }

    /// <summary>Reads a body of <c>/v1/chat/completions</c>.</summary>
    /// <inheritdoc cref="ParseText" path="/param"/>
    public static CompletionRequest ParseChat(JsonElement body, string? model = null)
    {
        var request = new RequestFields(body);
        UnsupportedFields.Check(request, ChatFields);
        return ParseShared(request, PromptParser.Chat(request), model) with { MaxTokens = ChatMaxTokens(request) };
    }

    /// <summary>Reads the body of a job, which is a chat if it has <c>messages</c>. A job's answer is a blob: streaming is refused.</summary>
    /// <inheritdoc cref="ParseText" path="/param"/>
    public static CompletionRequest ParseJob(JsonElement body, string? model)
    {
        var fields = new RequestFields(body);
        CompletionRequest request = fields.TryGet("messages", out _) ? ParseChat(body, model) : ParseText(body, model);
        if (request.Stream)
            throw new InvalidRequestException("stream", "stream is not supported in a job; leave it out.");
        return request;
    }

    private static CompletionRequest ParseShared(RequestFields request, Prompt prompt, string? model)
    {
        var sampling = new SamplingOptions
        {
            Temperature = request.Number("temperature") ?? 1,
            TopP = request.Number("top_p") ?? 1,
            TopK = (int)(request.Integer("top_k", 0, int.MaxValue) ?? 0),
        };
        sampling.Validate();
        bool stream = request.Boolean("stream") ?? false;
        return new CompletionRequest
        {
            Model = Model(request, model),
            Prompt = prompt,
            Sampling = sampling,
            Seed = request.Integer("seed"),
            Drafts = request.Boolean("drafts") ?? true,
            Stop = Stop(request),
            Stream = stream,
            IncludeUsage = IncludeUsage(request, stream),
        };
    }

    private static string Model(RequestFields request, string? expected)
    {
        string model = request.Required("model", request.String("model") ?? expected);
        return expected is null || model == expected
            ? model
            : throw new InvalidRequestException("model", $"model is '{RequestFields.Quote(model)}' in the request but '{RequestFields.Quote(expected)}' in the job.");
    }

    private static int? MaxTokens(RequestFields request, string name) => (int?)request.Integer(name, 1, int.MaxValue);

    private static int? ChatMaxTokens(RequestFields request)
    {
        int? old = MaxTokens(request, "max_tokens");
        int? current = MaxTokens(request, "max_completion_tokens");
        return old is null || current is null || old == current
            ? current ?? old
            : throw new InvalidRequestException("max_tokens", "max_tokens and max_completion_tokens differ; send max_completion_tokens alone.");
    }

    private static string[] Stop(RequestFields request)
    {
        if (!request.TryGet("stop", out JsonElement value))
            return [];
        if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw new InvalidRequestException("stop", "stop must be a string or an array of strings.");
        string[] texts = value.ValueKind == JsonValueKind.String
            ? [RequestFields.Text(value, "stop")]
            : value.GetArrayLength() <= TextGeneration.MaxStops
                ? [.. value.EnumerateArray().Select((text, index) => RequestFields.Text(text, $"stop[{index}]"))]
                : throw new InvalidRequestException("stop", $"stop has {value.GetArrayLength()} texts; allowed are up to {TextGeneration.MaxStops}.");
        return texts.Contains("") ? throw new InvalidRequestException("stop", "stop has an empty text; it would end every answer at once.") : texts;
    }

    private static bool IncludeUsage(RequestFields request, bool stream)
    {
        if (!request.TryGet("stream_options", out JsonElement value))
            return false;
        if (!stream)
            throw new InvalidRequestException("stream_options", "stream_options is allowed only where stream is true.");
        var options = new RequestFields(value, "stream_options");
        UnsupportedFields.Check(options, StreamOptionFields);
        _ = options.Boolean("include_obfuscation");
        return options.Boolean("include_usage") ?? false;
    }
}
