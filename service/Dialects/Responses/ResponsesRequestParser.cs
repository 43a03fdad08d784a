using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Responses;

/// <summary>
/// Reads the bodies of <c>POST /v1/responses</c>, with OpenAI's defaults and the extensions that <c>/v1/chat/completions</c> has. Everything wrong that can be seen without the model is an
/// <see cref="InvalidRequestException"/>. docs/api.md lists the fields.
/// </summary>
internal static class ResponsesRequestParser
{
    /// <summary>The response that a request goes on from.</summary>
    public const string PreviousId = "previous_response_id";

    /// <summary>The field of the conversation's items.</summary>
    public const string Input = "input";

    private const string MaxOutputTokens = "max_output_tokens";
    private const string TopLogProbs = "top_logprobs";
    private const string Include = "include";
    private const string LogProbabilities = "message.output_text.logprobs";
    private const string Reasoning = "reasoning";
    private const string StreamOptions = "stream_options";
    private const string Metadata = "metadata";

    private const int MostNotes = 16;
    private const int LongestKey = 64;
    private const int LongestValue = 512;

    private static readonly string[] Honoured =
    [
        "model", Input, "instructions", PreviousId, "store", MaxOutputTokens, "stream", StreamOptions, TextField.Name, "truncation", Include, TopLogProbs, Reasoning, Metadata, "seed", "drafts",
        "ignore_eos", ServiceTier.Field, .. ResponsesTools.Fields, .. SamplingParser.Fields, .. StopParser.Fields, .. FormatParser.OtherFields,
    ];

    private static readonly Dictionary<string, JsonValueKind> Ignored = new()
    {
        ["max_tool_calls"] = JsonValueKind.Number,
        ["prompt_cache_key"] = JsonValueKind.String,
        ["prompt_cache_options"] = JsonValueKind.Object,
        ["prompt_cache_retention"] = JsonValueKind.String,
        ["safety_identifier"] = JsonValueKind.String,
        ["user"] = JsonValueKind.String,
    };

    private static readonly Dictionary<string, string[]> Refused = new()
    {
        ["background"] = ["false"],
        ["context_management"] = ["[]"],
        ["conversation"] = [],
        ["moderation"] = [],
        ["prompt"] = [],
    };

    // What to do instead.
    private static readonly (string Field, string Advice)[] Advices =
    [
        ("background", "background is not supported; POST /v1/jobs takes requests that are answered later."),
        ("conversation", "conversation is not supported; go on from a response by previous_response_id, or send the whole conversation as input."),
        ("prompt", "prompt is not supported: there are no stored prompts; send instructions and input."),
    ];

    /// <summary>The fields of <c>POST /v1/responses</c>.</summary>
    public static readonly RouteFields Fields = new("POST " + CompletionRoutes.Responses, Honoured, Ignored, Refused);

    /// <summary>The fields of <c>POST /v1/responses/input_tokens</c>, which are the same.</summary>
    public static readonly RouteFields CountFields = new("POST " + CompletionRoutes.Responses + "/input_tokens", Honoured, Ignored, Refused);

    private static readonly FrozenSet<string> StreamOptionFields = FrozenSet.Create("include_obfuscation");
    private static readonly FrozenSet<string> ReasoningFields = FrozenSet.Create("effort", "summary", "generate_summary");

    // What is of other tools than functions, and of thoughts, adds nothing to an answer that has neither.
    private static readonly FrozenSet<string> Includable = FrozenSet.Create(
        LogProbabilities, "reasoning.encrypted_content", "message.input_image.image_url", "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
        "computer_call_output.output.image_url", "code_interpreter_call.outputs");

    /// <summary>Reads a body.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="earlier">What it needs of earlier responses.</param>
    /// <param name="model">The model where the body names none.</param>
    public static ResponsesRequest Parse(JsonElement body, EarlierItems earlier, string? model = null)
    {
        var request = new RequestFields(body);
        foreach ((string field, string advice) in Advices)
            if (request.TryGet(field, out JsonElement value) && value.ValueKind != JsonValueKind.False)
                throw new InvalidRequestException(field, advice, ErrorCodes.UnsupportedField);
        Fields.Check(request);
        CheckReasoning(request);
        CheckStreamOptions(request);
        string? instructions = request.String("instructions");
        Item[] items = ReadItems(request, earlier);
        var tools = ResponsesTools.Read(request);
        (AnswerFormat? own, string told) = TextField.Read(request);
        AnswerFormat? format = FormatParser.Parse(request, own);
        int top = (int)(request.Integer(TopLogProbs, 0, SamplingOptions.MaxLogProbabilities) ?? 0);
        RequestedSampling sampling = SamplingParser.Parse(request) with { LogProbabilities = ReadInclude(request) || top > 0 ? top : null };
        sampling.Validate();
        return new ResponsesRequest
        {
            Completion = CompletionRequestParser.Checked(new CompletionRequest
            {
                Model = request.Required("model", request.String("model") ?? model),
                Prompts = [new Prompt.Chat(ItemMessages.Of(instructions, items))],
                PromptField = Input,
                LengthField = MaxOutputTokens,
                Truncates = ReadTruncation(request),
                MaxTokens = (int?)request.Integer(MaxOutputTokens, 1, int.MaxValue),
                Sampling = sampling,
                Seed = request.Integer("seed"),
                Drafts = request.Boolean("drafts") ?? true,
                Stop = StopParser.Texts(request),
                StopTokens = StopParser.Tokens(request),
                IgnoresEnd = request.Boolean("ignore_eos") ?? false,
                Class = ServiceTier.Read(request),
                Tools = tools.Request,
                Format = tools.Request is { } callable ? new AnswerFormat(callable.Format(format?.Source), ToolFields.Tools) : format,
                Stream = request.Boolean("stream") ?? false,
            }),
            Items = items,
            Store = request.Boolean("store") ?? true,
            PreviousId = request.String(PreviousId),
            Instructions = instructions,
            MaxToolCalls = request.Integer("max_tool_calls", 0),
            Tools = tools,
            Format = told,
            TopLogProbabilities = top,
            TopP = request.Number("top_p", 0, 1),
            Metadata = ReadMetadata(request),
            PromptCacheKey = request.String("prompt_cache_key"),
            PromptCacheRetention = request.String("prompt_cache_retention"),
            SafetyIdentifier = request.String("safety_identifier"),
            User = request.String("user"),
        };
    }

    /// <summary>Reads the body of a batch's line: it stands alone, and its answer is kept with the batch's.</summary>
    /// <param name="body">The whole body.</param>
    public static ResponsesRequest ParseLine(JsonElement body)
    {
        if (new RequestFields(body).TryGet(PreviousId, out _))
            throw new InvalidRequestException(PreviousId, $"{PreviousId} is not supported in a batch; send the whole conversation as input.", ErrorCodes.UnsupportedField);
        return Parse(body, EarlierItems.None) with { Store = false };
    }

    private static Item[] ReadItems(RequestFields request, EarlierItems earlier)
    {
        var reader = new ItemReader(earlier.Known);
        reader.Follow(earlier.Items);
        IReadOnlyList<Item> own = request.TryGet(Input, out JsonElement input) ? reader.Read(input, Input) : [];
        if (own.Count == 0 && earlier.Items.Count == 0)
        {
            throw request.TryGet(Input, out _)
                ? new InvalidRequestException(Input, "input is empty; at least one item is needed.", ErrorCodes.EmptyArray)
                : new InvalidRequestException(Input, "input is missing.", ErrorCodes.Missing);
        }
        return [.. earlier.Items, .. own];
    }

    private static bool ReadTruncation(RequestFields request) => request.String("truncation") switch
    {
        null or "disabled" => false,
        "auto" => true,
        var other => throw new InvalidRequestException("truncation", $"truncation is '{RequestFields.Quote(other)}'; allowed are auto and disabled."),
    };

    /// <summary>Whether log-probabilities are wanted.</summary>
    private static bool ReadInclude(RequestFields request)
    {
        if (!request.TryGet(Include, out JsonElement value))
            return false;
        if (value.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(Include, "include must be an array of strings.", ErrorCodes.WrongType);
        string[] wanted = [.. value.EnumerateArray().Select((name, index) => RequestFields.Text(name, $"{Include}[{index}]"))];
        foreach ((int index, string name) in wanted.Index())
            if (!Includable.Contains(name))
                throw new InvalidRequestException($"{Include}[{index}]", $"{Include}[{index}] is '{RequestFields.Quote(name)}'; allowed are {string.Join(", ", Includable.Order())}.");
        return wanted.Contains(LogProbabilities);
    }

    /// <summary>Gemma 2 does not reason: it may be asked for no effort.</summary>
    private static void CheckReasoning(RequestFields request)
    {
        if (!request.TryGet(Reasoning, out JsonElement value))
            return;
        var reasoning = new RequestFields(value, Reasoning);
        UnsupportedFields.Check(reasoning, ReasoningFields);
        foreach (string field in ReasoningFields)
            if (reasoning.String(field) is { } wanted && (field, wanted) is not ("effort", "none"))
                throw new InvalidRequestException(reasoning.Path(field), $"{reasoning.Path(field)} is '{RequestFields.Quote(wanted)}'; this model does not reason: leave it out{(field == "effort" ? ", or send none" : "")}.", ErrorCodes.UnsupportedValue);
    }

    private static void CheckStreamOptions(RequestFields request)
    {
        if (!request.TryGet(StreamOptions, out JsonElement value))
            return;
        if (request.Boolean("stream") != true)
            throw new InvalidRequestException(StreamOptions, "stream_options is allowed only where stream is true.");
        var options = new RequestFields(value, StreamOptions);
        UnsupportedFields.Check(options, StreamOptionFields);
        _ = options.Boolean("include_obfuscation");
    }

    private static Dictionary<string, string> ReadMetadata(RequestFields request)
    {
        var notes = new Dictionary<string, string>();
        if (!request.TryGet(Metadata, out JsonElement value))
            return notes;
        foreach (JsonProperty note in new RequestFields(value, Metadata).All)
        {
            string text = RequestFields.Text(note.Value, $"{Metadata}.{RequestFields.Quote(note.Name)}");
            if (note.Name.Length is 0 or > LongestKey || text.Length > LongestValue || notes.Count == MostNotes)
                throw new InvalidRequestException(Metadata, $"metadata may have up to {MostNotes} notes: names of 1 to {LongestKey} characters, texts of up to {LongestValue}.");
            notes.Add(note.Name, text);
        }
        return notes;
    }
}
