using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>
/// Reads the bodies of <c>POST /v1/messages</c> and <c>POST /v1/messages/count_tokens</c>. Source: Claude API reference, "Create a Message" and "Count tokens in a Message".
/// Everything wrong that can be seen without the model is an <see cref="InvalidRequestException"/>. docs/api.md lists the fields.
/// </summary>
internal static class MessageRequestParser
{
    private const string MaxTokens = "max_tokens";
    private const string Thinking = "thinking";
    private const string ServiceTier = "service_tier";

    // What makes the prompt.
    private static readonly string[] PromptFields = ["model", .. MessagesParser.Fields, .. ToolParser.Fields, .. OutputParser.Fields];

    private static readonly Dictionary<string, JsonValueKind> Ignored = new() { ["cache_control"] = JsonValueKind.Object, [Thinking] = JsonValueKind.Object };

    // Refused, unless they hold one of these values (or null).
    private static readonly Dictionary<string, string[]> Refused = new()
    {
        ["container"] = [],
        ["context_management"] = ["{}", """{"edits":[]}"""],
        ["mcp_servers"] = ["[]"],
        ["speed"] = ["\"standard\""],
    };

    /// <summary>The fields of a request for an answer.</summary>
    public static readonly RouteFields Fields = new(
        "POST /v1/messages",
        [.. PromptFields, MaxTokens, StopParser.Field, .. SamplingParser.Fields, "stream"],
        new Dictionary<string, JsonValueKind>(Ignored)
        {
            ["diagnostics"] = JsonValueKind.Object,
            ["inference_geo"] = JsonValueKind.String,
            ["metadata"] = JsonValueKind.Object,
            [ServiceTier] = JsonValueKind.String,
        },
        Refused);

    /// <summary>The fields of a request for a count.</summary>
    public static readonly RouteFields CountFields = new("POST /v1/messages/count_tokens", PromptFields, Ignored, Refused);

    /// <summary>Reads a request for an answer.</summary>
    public static CompletionRequest Parse(JsonElement body)
    {
        var request = new RequestFields(body);
        Fields.Check(request);
        CheckTier(request);
        CompletionRequest prompt = ParsePrompt(request);
        return prompt with
        {
            EndsWithContext = true,
            MaxTokens = (int)request.Required(MaxTokens, request.Integer(MaxTokens, 1, int.MaxValue)),
            Sampling = SamplingParser.Parse(request),
            Seed = request.Integer(SamplingParser.Seed),
            Stop = StopParser.Parse(request),
            Stream = request.Boolean("stream") ?? false,
        };
    }

    /// <summary>Reads a request for a count.</summary>
    public static CompletionRequest ParseCount(JsonElement body)
    {
        var request = new RequestFields(body);
        CountFields.Check(request);
        return ParsePrompt(request);
    }

    private static CompletionRequest ParsePrompt(RequestFields request)
    {
        string model = request.Required("model", request.String("model"));
        CheckThinking(request);
        Prompt.Chat prompt = MessagesParser.Parse(request);
        ToolRequest? tools = ToolParser.Parse(request);
        AnswerFormat? format = OutputParser.Parse(request);
        if (format is not null && prompt.ContinuesLast)
            throw new InvalidRequestException(format.Field, $"{format.Field} does not go with a last message of the assistant, which the answer would go on with.");
        return new CompletionRequest
        {
            Model = model,
            Prompts = [prompt],
            Tools = tools,
            Format = tools is null ? format : new AnswerFormat(tools.Format(format?.Source), ToolParser.Tools),
        };
    }

    /// <summary>A model that does not think aloud takes what asks for no thinking, and what leaves it to the model.</summary>
    private static void CheckThinking(RequestFields request)
    {
        if (!request.TryGet(Thinking, out JsonElement value))
            return;
        var thinking = new RequestFields(value, Thinking);
        if (thinking.Required("type", thinking.String("type")) is not ("disabled" or "adaptive") and var type)
            throw new InvalidRequestException(thinking.Path("type"), $"{thinking.Path("type")} is '{RequestFields.Quote(type)}', which this model does not do; allowed are disabled and adaptive.");
    }

    private static void CheckTier(RequestFields request)
    {
        if (request.String(ServiceTier) is not (null or "auto" or "standard_only") and var tier)
            throw new InvalidRequestException(ServiceTier, $"{ServiceTier} is '{RequestFields.Quote(tier)}'; allowed are auto and standard_only.");
    }
}
