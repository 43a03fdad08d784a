namespace Gemma2.Cli.Benchmarks;

/// <summary>What is measured.</summary>
/// <param name="PromptTokens">Length of every prompt.</param>
/// <param name="DecodeTokens">New tokens of every sequence that are counted.</param>
/// <param name="Rounds">How often.</param>
/// <param name="Sequences">Numbers of sequences worked on at once, growing.</param>
/// <param name="IsProfiled">Whether kernels are timed, in a run of their own.</param>
/// <param name="TraceFile">Gets the time line of that run; null for none.</param>
internal sealed record BenchSettings(int PromptTokens, int DecodeTokens, int Rounds, IReadOnlyList<int> Sequences, bool IsProfiled, string? TraceFile);
