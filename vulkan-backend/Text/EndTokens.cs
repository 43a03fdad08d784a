namespace Gemma2.Backend.Text;

/// <summary>
/// The tokens that end a generation: those that a model's files name, and those that end a turn in its vocabulary, since files of tuned models often forget them. vLLM
/// takes the vocabulary's own end too, and llama.cpp finds ends by their texts.
/// </summary>
internal static class EndTokens
{
    /// <summary><c>&lt;end_of_turn&gt;</c> in the vocabulary of all Gemma models.</summary>
    private const int EndOfTurn = 107;

    /// <summary>What ends a turn of ChatML, which many models are tuned to.</summary>
    private const string EndOfChatMlTurn = "<|im_end|>";

    /// <summary>All of them, each once.</summary>
    /// <param name="named">Those that the files name.</param>
    /// <param name="tokenizer">The vocabulary; null where the model has none.</param>
    /// <param name="vocabulary">How many tokens the model has.</param>
    public static IReadOnlyList<int> Of(IEnumerable<int> named, GemmaTokenizer? tokenizer, int vocabulary) =>
        [.. named.Concat(OfTurns(tokenizer).Where(token => (uint)token < (uint)vocabulary)).Distinct()];

    private static IEnumerable<int> OfTurns(GemmaTokenizer? tokenizer)
    {
        yield return tokenizer?.EndOfTurn ?? EndOfTurn;
        if (tokenizer is null) yield break;
        yield return tokenizer.NamedEnd;
        if (tokenizer.Encode(EndOfChatMlTurn, special: true) is [int token] && tokenizer.Piece(token) == EndOfChatMlTurn) yield return token;
    }
}
