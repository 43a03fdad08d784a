namespace Gemma2.Backend.Decoding;

/// <summary>
/// A processor that changes the logits of some tokens, each by itself: of two logits of a token the higher one stays the higher, or they become equal.
/// So what it makes of the candidates is known without the other logits.
/// </summary>
internal interface ITokenAdjustment : ITokenProcessor
{
    /// <summary>True where it may make a logit higher, for tokens that come or that are there already.</summary>
    bool MayRaise { get; }

    /// <summary>How many tokens' logits it changes now.</summary>
    int TokenCount { get; }

    /// <summary>What it makes of a token's logit.</summary>
    float Adjust(int token, float logit);
}
