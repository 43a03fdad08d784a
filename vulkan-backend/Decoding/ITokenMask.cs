namespace Gemma2.Backend.Decoding;

/// <summary>Which tokens may come next, as it follows from the tokens so far. It belongs to one sequence and is used by one thread at a time.</summary>
public interface ITokenMask
{
    /// <summary>
    /// [ceil(vocabulary / 32)] words: bit id % 32 of word id / 32 is set where the token is allowed; bits past the vocabulary mean nothing.
    /// Empty where every token is allowed. Valid until the next call of <see cref="Accept"/> or <see cref="Rewind"/>.
    /// </summary>
    /// <exception cref="GenerationException">It cannot be found out: the sequence ends.</exception>
    ReadOnlySpan<uint> Allowed { get; }

    /// <summary>Takes in the next token of the answer; it is one of those that are allowed.</summary>
    void Accept(int token);

    /// <summary>Takes back the last accepted tokens: everything is as if they had never come.</summary>
    /// <param name="count">How many; at most as many as were accepted.</param>
    void Rewind(int count);
}
