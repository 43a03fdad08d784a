namespace Gemma2.Benchmarks.Gpu;

/// <summary>What is measured.</summary>
/// <param name="Shapes">Shapes of <c>gemma2 synthesize</c>.</param>
/// <param name="Models">A folder for their files.</param>
/// <param name="IsSoftware">A device that is a CPU will do; it gets little work.</param>
internal sealed record RunSettings(IReadOnlyList<string> Shapes, string Models, bool IsSoftware)
{
    /// <summary>Numbers of sequences that decode together.</summary>
    public string Widths => IsSoftware ? "1,2,3,4" : "1,2,3,4,5,6,8,9,12,16,17,24,32";

    /// <summary>Length of the prompt whose rate is measured.</summary>
    public int PromptTokens => IsSoftware ? 16 : 512;

    /// <summary>Tokens that are decoded after it.</summary>
    public int DecodeTokens => IsSoftware ? 2 : 64;

    /// <summary>How often.</summary>
    public int Rounds => IsSoftware ? 1 : 3;

    /// <summary>What one group of tests may take: a CPU needs minutes for some.</summary>
    public double TestSeconds => IsSoftware ? 900 : 60;
}
