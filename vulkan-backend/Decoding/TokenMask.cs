namespace Gemma2.Backend.Decoding;

/// <summary>Gives tokens that a mask does not allow the lowest logit, so low that their probability is 0 at any temperature.</summary>
internal sealed class TokenMask(ITokenMask mask, int vocabularySize) : ITokenProcessor
{
    /// <summary>The logit of a token that is not allowed, and of what is no token, here and on the device (candidate_blocks.comp).</summary>
    public const float Forbidden = float.MinValue;

    private int _count;

    /// <inheritdoc/>
    /// <exception cref="GenerationException">The mask allows no token at all.</exception>
    public void Apply(Span<float> logits)
    {
        ReadOnlySpan<uint> allowed = mask.Allowed;
        if (allowed.IsEmpty) return;
        bool any = false;
        for (int word = 0; word < allowed.Length; word++)
        {
            Span<float> block = logits[(word * 32)..Math.Min((word + 1) * 32, vocabularySize)];
            uint bits = allowed[word];
            if (bits == 0) block.Fill(Forbidden);
            else any |= Apply(bits, block);
        }

        if (!any) throw NoneAllowed(_count);
    }

    /// <inheritdoc/>
    public void Accept(int token)
    {
        _count++;
        mask.Accept(token);
    }

    /// <inheritdoc/>
    public void Rewind(int count)
    {
        _count -= count;
        mask.Rewind(count);
    }

    /// <summary>What a sequence fails with whose mask allows no token.</summary>
    /// <param name="count">How many tokens the answer has.</param>
    public static GenerationException NoneAllowed(int count) =>
        new($"After {count} tokens of the answer none may follow: the form that was asked for forbids every token.");

    /// <returns>Whether any of the tokens is allowed.</returns>
    private static bool Apply(uint bits, Span<float> block)
    {
        bool any = false;
        for (int i = 0; i < block.Length; i++)
        {
            if ((bits >> i & 1) != 0) any = true;
            else block[i] = Forbidden;
        }

        return any;
    }
}
