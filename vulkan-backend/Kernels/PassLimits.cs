namespace Gemma2.Backend.Kernels;

/// <summary>How much one pass over the weights takes.</summary>
internal static class PassLimits
{
    /// <summary>Most rows of a decoding pass: sequences that get their next token at once.</summary>
    public const int DecodingRows = 8;

    /// <summary>Most rows of a prompt's pass: prompts are cut into chunks of this many.</summary>
    public const int PromptRows = 256;
}
