namespace Gemma2.Backend.Kernels;

/// <summary>How many rows one step over the weights takes.</summary>
internal static class StepLimits
{
    /// <summary>Most rows that decode.</summary>
    public const int DecodingRows = 32;

    /// <summary>Most rows of prompts.</summary>
    public const int PromptRows = 256;

    /// <summary>Most prompts that share a step.</summary>
    public const int Prompts = 16;

    /// <summary>Most rows whose logits are wanted: all that decode, and the last ones of a few prompts.</summary>
    public const int Results = DecodingRows + 8;

    /// <summary>Most rows of both kinds.</summary>
    public const int Rows = PromptRows + DecodingRows;
}
