using System.Runtime.CompilerServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Engine;

/// <summary>Generates text: tokens become characters, stop texts end the answer.</summary>
public static class TextGeneration
{
    /// <summary>How many stop texts a request may have: all are looked for in every piece.</summary>
    public const int MaxStops = 64;

    /// <summary>
    /// Generates an answer as text. One piece comes for each token, often with empty text: bytes are held back until they make a character, and text that may
    /// become a stop text until it is clear that it does not. End tokens and control tokens have no text, nor does a stop token. A stop text ends the answer before it and cancels the sequence.
    /// </summary>
    /// <param name="engine">The model; it needs a tokenizer.</param>
    /// <param name="request">What to generate.</param>
    /// <param name="cancellationToken">Ends the sequence within one step.</param>
    /// <exception cref="ModelException">The model has no tokenizer. Thrown at the call.</exception>
    /// <exception cref="InvalidRequestException">
    /// <see cref="GenerationRequest.Stop"/> has too many or empty texts: thrown at the call. Anything else that the engine does not allow: thrown at the first piece.
    /// </exception>
    public static IAsyncEnumerable<TextPiece> GenerateTextAsync(
        this IInferenceEngine engine, GenerationRequest request, CancellationToken cancellationToken = default)
    {
        GemmaTokenizer tokenizer = engine.Tokenizer
            ?? throw new ModelException($"Model {engine.ModelName} has no tokenizer.model, nor a vocabulary in a GGUF file: it takes and gives tokens only, not text.");
        CheckStops(request.Stop);
        return Generate(engine, tokenizer, request, cancellationToken);
    }

    private static void CheckStops(IReadOnlyList<string> stops)
    {
        if (stops.Count > MaxStops) throw new InvalidRequestException("stop", $"stop has {stops.Count} texts; allowed are at most {MaxStops}.");
        if (stops.Any(string.IsNullOrEmpty)) throw new InvalidRequestException("stop", "stop has an empty text; each needs at least one character.");
    }

    private static async IAsyncEnumerable<TextPiece> Generate(
        IInferenceEngine engine, GemmaTokenizer tokenizer, GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IncrementalDetokenizer detokenizer = new(tokenizer);
        StopMatcher stop = new(request.Stop);
        await foreach (GeneratedToken token in engine.GenerateAsync(request, cancellationToken).ConfigureAwait(false))
        {
            (TokenChoice choice, FinishReason? finish, int cached) = token;
            bool hasText = finish != FinishReason.Stop && !engine.Config.EndTokens.Contains(choice.Id) && !tokenizer.IsControl(choice.Id);
            string text = hasText ? detokenizer.Append(choice.Id) : "";
            if (finish is not null) text += detokenizer.Flush();
            text = stop.Append(text);
            if (stop.Found is not null)
            {
                yield return new TextPiece(text, choice, FinishReason.Stop, cached) { Prompt = token.Prompt, StopText = stop.Found };
                yield break;
            }

            string held = finish is null ? "" : stop.Flush();
            yield return new TextPiece(text, choice, held.Length == 0 ? finish : null, cached) { Prompt = token.Prompt };
            if (held.Length > 0) yield return new TextPiece(held, null, finish, cached);
        }
    }
}
