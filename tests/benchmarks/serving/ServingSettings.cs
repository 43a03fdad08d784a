using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Serving;

/// <summary>How much is measured.</summary>
/// <param name="Streams">Numbers of clients, growing.</param>
/// <param name="Requests">Requests a client.</param>
/// <param name="Widths">Numbers of sequences that decode together, growing from 1.</param>
/// <param name="Steps">Steps that are timed at each width.</param>
/// <param name="Rounds">Turns of either side.</param>
/// <param name="Scale">All lengths are multiplied by it.</param>
/// <param name="Seed">Lengths, pauses and prompts follow from it.</param>
internal sealed record ServingSettings(IReadOnlyList<int> Streams, int Requests, IReadOnlyList<int> Widths, int Steps, int Rounds, double Scale, int Seed)
{
    private const int ContextStep = 256;

    /// <summary>Tokens of prompts.</summary>
    public Lengths Prompt => new(Scaled(32), Scaled(1000));

    /// <summary>Tokens of answers.</summary>
    public Lengths Answer => new(Scaled(16), Scaled(256));

    /// <summary>A length at this scale; two tokens are the least with which something can be timed.</summary>
    public int Scaled(int tokens) => Math.Max(2, (int)Math.Round(tokens * Scale));

    /// <summary>The longest sequence of any scenario.</summary>
    public int Context => (Scaled(1000) + Math.Max(Scaled(256), Steps + Scaled(32)) + ContextStep) / ContextStep * ContextStep;
}
