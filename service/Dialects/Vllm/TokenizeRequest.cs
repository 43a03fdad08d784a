using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Service.Dialects.Vllm;

/// <summary>
/// A request of <c>POST /tokenize</c>: the tokens that a prompt, or a conversation, has as a request of <c>/v1/completions</c> or <c>/v1/chat/completions</c>.
/// Source: vLLM, <c>TokenizeCompletionRequest</c> and <c>TokenizeChatRequest</c>.
/// </summary>
internal sealed record TokenizeRequest
{
    private const string PromptField = "prompt";
    private const string AddSpecialTokens = "add_special_tokens";
    private const string ReturnTokenStrings = "return_token_strs";

    /// <summary>The fields of the route.</summary>
    public static readonly RouteFields Fields = new(
        "POST /tokenize", ["model", PromptField, .. PromptParser.ChatFields, ToolFields.Tools, AddSpecialTokens, ReturnTokenStrings],
        refused: new Dictionary<string, string[]> { ["chat_template"] = [], ["chat_template_kwargs"] = ["{}"], ["mm_processor_kwargs"] = ["{}"] });

    /// <summary>The model whose vocabulary it is, where the request says.</summary>
    public string? Model { get; private init; }

    /// <summary>What is taken apart.</summary>
    public required Prompt Prompt { get; init; }

    /// <summary>How a conversation ends.</summary>
    public ChatEnding Ending { get; private init; }

    /// <summary>The functions that a conversation's model is told of.</summary>
    public ToolRequest? Tools { get; private init; }

    /// <summary>Whether a beginning-of-sequence token is put in front of a prompt.</summary>
    public bool AddsBegin { get; private init; }

    /// <summary>Whether tokens are told by their pieces too.</summary>
    public bool TellsPieces { get; private init; }

    /// <summary>Reads a body.</summary>
    /// <exception cref="InvalidRequestException">A field is wrong.</exception>
    public static TokenizeRequest Parse(JsonElement body)
    {
        var request = new RequestFields(body);
        Fields.Check(request);
        bool isChat = request.TryGet("messages", out _);
        if (isChat == request.TryGet(PromptField, out _))
            throw new InvalidRequestException(PromptField, isChat ? "prompt and messages exclude each other; send one of them." : "prompt is missing; send it, or messages.", isChat ? ErrorCodes.WrongValue : ErrorCodes.Missing);
        bool addsBegin = request.Boolean(AddSpecialTokens) ?? true;
        return new TokenizeRequest
        {
            Model = request.String("model"),
            Prompt = isChat ? new Prompt.Chat(PromptParser.ReadMessages(request)) : new Prompt.Text(request.String(PromptField)!),
            Ending = isChat ? PromptParser.Ending(request) : ChatEnding.OpenAnswer,
            Tools = ToolFields.Read(request),
            AddsBegin = addsBegin,
            TellsPieces = request.Boolean(ReturnTokenStrings) ?? false,
        };
    }

    /// <summary>The tokens.</summary>
    /// <param name="engine">The model.</param>
    /// <param name="toolPrompt">What the model is told of functions.</param>
    public IReadOnlyList<int> Encode(IInferenceEngine engine, string toolPrompt)
    {
        Prompt told = Tools?.TellOf(Prompt, toolPrompt) ?? Prompt;
        if (told is Prompt.Chat chat)
            return engine.ChatTemplate!.Encode(chat.Messages, Ending);
        EncodedPrompt encoded = PromptEncoder.Encode(engine, told);
        return AddsBegin ? encoded.Tokens : [.. encoded.Tokens.Skip(encoded.Hidden)];
    }
}
