using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// Reads the bodies of <c>POST /v1/completions</c> and <c>POST /v1/chat/completions</c>, with OpenAI's defaults, some of vLLM's fields and <c>drafts</c> as extensions.
/// Everything wrong that can be seen without the model is an <see cref="InvalidRequestException"/>. docs/api.md lists the fields.
/// </summary>
internal static class CompletionRequestParser
{
    private static readonly string[] SharedFields =
        ["model", "seed", "stream", "stream_options", "ignore_eos", "drafts", ServiceTier.Field, .. SamplingParser.Fields, .. StopParser.Fields, .. FormatParser.Fields];

    /// <summary>The fields of <c>/v1/completions</c>.</summary>
    public static readonly RouteFields TextFields = UnsupportedFields.Of(
        "POST " + CompletionRoutes.Text, ["prompt", "echo", .. SharedFields, .. AnswerLengthParser.TextFields, .. AnswerCountParser.TextFields, .. LogProbabilityParser.TextFields]);

    /// <summary>The fields of <c>/v1/chat/completions</c>.</summary>
    public static readonly RouteFields ChatFields = UnsupportedFields.Of(
        "POST " + CompletionRoutes.Chat,
        [.. PromptParser.ChatFields, .. ToolFields.Fields, .. SharedFields, .. AnswerLengthParser.ChatFields, .. AnswerCountParser.ChatFields, .. LogProbabilityParser.ChatFields]);

    private static readonly FrozenSet<string> StreamOptionFields = FrozenSet.Create("include_usage", "include_obfuscation");

    /// <summary>Reads a body of <c>/v1/completions</c>.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="model">The model, whatever the body says; null where the body names it.</param>
    public static CompletionRequest ParseText(JsonElement body, string? model = null)
    {
        var request = new RequestFields(body);
        TextFields.Check(request);
        CompletionRequest shared = ParseShared(request, PromptParser.Text(request), LogProbabilityParser.Text(request), model);
        bool echo = request.Boolean("echo") ?? false;
        (int? most, int? usual) = AnswerLengthParser.Text(request, echo);
        return Checked(shared with
        {
            Tries = AnswerCountParser.Tries(request, shared.Prompts.Count, shared.Answers, shared.Stream),
            Echo = echo,
            MaxTokens = most,
            UsualMaxTokens = usual,
        });
    }

    /// <summary>Reads a body of <c>/v1/chat/completions</c>.</summary>
    /// <inheritdoc cref="ParseText" path="/param"/>
    public static CompletionRequest ParseChat(JsonElement body, string? model = null)
    {
        var request = new RequestFields(body);
        ChatFields.Check(request);
        CompletionRequest shared = ParseShared(request, [PromptParser.Chat(request)], LogProbabilityParser.Chat(request), model);
        ToolRequest? tools = ToolFields.Read(request);
        return Checked(shared with
        {
            Tries = shared.Answers,
            MaxTokens = AnswerLengthParser.Chat(request),
            Tools = tools,
            Format = tools is null ? shared.Format : new AnswerFormat(tools.Format(shared.Format?.Source), ToolFields.Tools),
        });
    }

    /// <summary>Reads the body of a job, which is a chat if it has <c>messages</c>. A job's answer is a blob: streaming is refused.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="model">The model where the body names none; where both name one they must agree.</param>
    public static CompletionRequest ParseJob(JsonElement body, string? model)
    {
        var fields = new RequestFields(body);
        if (model is not null && fields.String("model") is { } other && other != model)
            throw new InvalidRequestException("model", $"model is '{RequestFields.Quote(other)}' in the request but '{RequestFields.Quote(model)}' in the job.");
        CompletionRequest request = fields.TryGet("messages", out _) ? ParseChat(body, model) : ParseText(body, model);
        if (request.Stream)
            throw new InvalidRequestException("stream", "stream is not supported in a job; leave it out.");
        return request;
    }

    private static CompletionRequest ParseShared(RequestFields request, IReadOnlyList<Prompt> prompts, int? logProbabilities, string? model)
    {
        RequestedSampling sampling = SamplingParser.Parse(request) with { LogProbabilities = logProbabilities };
        sampling.Validate();
        bool stream = request.Boolean("stream") ?? false;
        return new CompletionRequest
        {
            Model = model ?? request.Required("model", request.String("model")),
            Prompts = prompts,
            Answers = AnswerCountParser.Answers(request, prompts.Count),
            Sampling = sampling,
            Class = ServiceTier.Read(request),
            TellsClass = request.TryGet(ServiceTier.Field, out _),
            Seed = request.Integer("seed"),
            Drafts = request.Boolean("drafts") ?? true,
            Stop = StopParser.Texts(request),
            StopTokens = StopParser.Tokens(request),
            IgnoresEnd = request.Boolean("ignore_eos") ?? false,
            Format = FormatParser.Parse(request),
            Stream = stream,
            IncludeUsage = IncludeUsage(request, stream),
        };
    }

    /// <summary>What only two fields together tell.</summary>
    public static CompletionRequest Checked(CompletionRequest request)
    {
        int shortest = request.Sampling.MinTokens;
        if ((request.MaxTokens ?? request.UsualMaxTokens) is { } longest && shortest > longest)
            throw new InvalidRequestException("min_tokens", $"min_tokens is {shortest}, more than {request.LengthField}, which is {longest}.");
        // A form says itself when an answer is whole: then nothing else may follow.
        if (request.Format is { } format && (shortest > 0 || request.IgnoresEnd))
        {
            string field = request.IgnoresEnd ? "ignore_eos" : "min_tokens";
            throw new InvalidRequestException(field, $"{field} does not go with {format.Field}, which says when an answer is whole.");
        }
        return request;
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
