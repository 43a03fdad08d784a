namespace Gemma2.Backend.Decoding;

/// <summary>
/// Changes logits before a token is picked, by what the sequence holds so far: after the softcap, before the temperature. It belongs to one sequence.
/// </summary>
internal interface ITokenProcessor
{
    /// <summary>Changes the logits of the next token, [vocabulary]; all are finite before and after. How follows from the accepted tokens alone.</summary>
    /// <exception cref="GenerationException">No token can be picked.</exception>
    void Apply(Span<float> logits);

    /// <summary>Takes in the next token of the answer.</summary>
    void Accept(int token);

    /// <summary>Takes back the last accepted tokens: everything is as if they had never come.</summary>
    /// <param name="count">How many; at most as many as were accepted.</param>
    void Rewind(int count);
}
