using Gemma2.Backend.Kernels.Peaks;
using Gemma2.Cli.Benchmarks.Profiling;
using Gemma2.Cli.Planning.Rates;

namespace Gemma2.Cli.Benchmarks;

/// <summary>What <c>gemma2 bench --json</c> prints. Its first fields are what <c>gemma2 plan --rates</c> reads.</summary>
/// <param name="Device">The device that computed.</param>
/// <param name="Kind">Always "measured".</param>
/// <param name="Rates">Medians, by the number of sequences.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Driver">The device's driver.</param>
/// <param name="Time">When it began, in UTC.</param>
/// <param name="PromptTokens">Length of every prompt.</param>
/// <param name="DecodeTokens">New tokens of every sequence that were counted.</param>
/// <param name="Rounds">How often everything was measured.</param>
/// <param name="LoadSeconds">From opening the model to its weights in device memory.</param>
/// <param name="WarmUpSeconds">Until every shader was compiled and had run.</param>
/// <param name="Peaks">What the device reaches when it does one thing alone.</param>
/// <param name="Memory">What was taken.</param>
/// <param name="Runs">The measurements, by the number of sequences.</param>
/// <param name="Profile">Time by kernel, from a run of its own; null without <c>--profile</c>.</param>
internal sealed record BenchReport(
    string Device,
    string Kind,
    IReadOnlyList<RatePoint> Rates,
    string Model,
    string Driver,
    DateTimeOffset Time,
    int PromptTokens,
    int DecodeTokens,
    int Rounds,
    double LoadSeconds,
    double WarmUpSeconds,
    PeakReport Peaks,
    BenchMemory Memory,
    IReadOnlyList<BenchRun> Runs,
    ProfileReport? Profile);

/// <summary>Micro-benchmarks that ran before the model was loaded.</summary>
/// <param name="ReadBytesPerSecond">A kernel that reads.</param>
/// <param name="CopyBytesPerSecond">The driver's copy, reads and writes both counted.</param>
/// <param name="OperationsPerSecond">A kernel that multiplies and adds in float32, both counted.</param>
/// <param name="BytesPerSecond">The bandwidth that shares refer to: the best of the first two.</param>
/// <param name="BestOperationsPerSecond">The arithmetic that shares refer to: the best of the third.</param>
internal sealed record PeakReport(
    Spread ReadBytesPerSecond, Spread CopyBytesPerSecond, Spread OperationsPerSecond, double BytesPerSecond, double BestOperationsPerSecond)
{
    /// <summary>The report of a measurement.</summary>
    public static PeakReport Of(DevicePeaks peaks) => new(
        Spread.Of(peaks.ReadRates), Spread.Of(peaks.CopyRates), Spread.Of(peaks.ArithmeticRates), peaks.Bandwidth, peaks.Arithmetic);
}

/// <summary>Memory in bytes.</summary>
/// <param name="WeightBytes">The weights in device memory.</param>
/// <param name="DeviceBytes">All device memory that the engine took: weights, caches, activations.</param>
/// <param name="ProcessPeakBytes">Most that the process had resident at once.</param>
internal sealed record BenchMemory(long WeightBytes, long DeviceBytes, long ProcessPeakBytes);

/// <summary>Several rounds with the same number of sequences.</summary>
/// <param name="Sequences">Sequences worked on at once.</param>
/// <param name="PromptTokensPerSecond">All sequences together.</param>
/// <param name="DecodeTokensPerSecond">All sequences together.</param>
/// <param name="FirstTokenSeconds">Until the first sequence had its first token.</param>
/// <param name="DecodeStepBytes">What a decode step reads at least, in the middle of the measured tokens.</param>
/// <param name="BytesPerToken">The same by new token.</param>
/// <param name="BandwidthShare">What decoding read, as a share of the measured bandwidth.</param>
/// <param name="ArithmeticShare">What the prompts computed, as a share of the measured float32 arithmetic; matrix units can exceed it.</param>
internal sealed record BenchRun(
    int Sequences,
    Spread PromptTokensPerSecond,
    Spread DecodeTokensPerSecond,
    Spread FirstTokenSeconds,
    long DecodeStepBytes,
    double BytesPerToken,
    Spread BandwidthShare,
    Spread ArithmeticShare)
{
    /// <summary>The run as the planner takes it.</summary>
    public RatePoint Rate => new(Sequences, PromptTokensPerSecond.Median, DecodeTokensPerSecond.Median);
}
