using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Vllm;

/// <summary>A request of <c>POST /detokenize</c>: the text of some tokens. Source: vLLM, <c>DetokenizeRequest</c>.</summary>
/// <param name="Model">The model whose vocabulary it is, where the request says.</param>
/// <param name="Tokens">The ids.</param>
internal sealed record DetokenizeRequest(string? Model, IReadOnlyList<int> Tokens)
{
    private const string TokensField = "tokens";

    /// <summary>The fields of the route.</summary>
    public static readonly RouteFields Fields = new("POST /detokenize", ["model", TokensField]);

    /// <summary>Reads a body.</summary>
    /// <exception cref="InvalidRequestException">A field is wrong.</exception>
    public static DetokenizeRequest Parse(JsonElement body)
    {
        var request = new RequestFields(body);
        Fields.Check(request);
        if (!request.TryGet(TokensField, out JsonElement tokens))
            throw new InvalidRequestException(TokensField, "tokens is missing.", ErrorCodes.Missing);
        if (tokens.ValueKind != JsonValueKind.Array)
            throw new InvalidRequestException(TokensField, "tokens must be an array of token ids.", ErrorCodes.WrongType);
        return new DetokenizeRequest(
            request.String("model"), [.. tokens.EnumerateArray().Select((id, index) => (int)RequestFields.Integer(id, $"{TokensField}[{index}]", 0, int.MaxValue))]);
    }

    /// <summary>The text; control tokens stand in it by name.</summary>
    /// <exception cref="InvalidRequestException">A token is not in the vocabulary.</exception>
    public string Decode(IInferenceEngine engine)
    {
        var texts = new TokenTexts(engine.Tokenizer!, namesControl: true);
        var text = new StringBuilder();
        foreach ((int index, int id) in Tokens.Index())
        {
            if (!engine.Config.HasToken(id))
                throw new InvalidRequestException($"{TokensField}[{index}]", $"{TokensField}[{index}] is {id}; allowed are {engine.Config.DescribeTokens()}.");
            text.Append(texts.Next(id).Text);
        }
        return text.Append(texts.End()).ToString();
    }
}
