namespace Gemma2.Cli.Benchmarks.Profiling;

/// <summary>Where the device's time went in one run of one sequence, by the device's own clock.</summary>
/// <param name="Prompt">Reading the prompt.</param>
/// <param name="Decode">Making new tokens.</param>
internal sealed record ProfileReport(PhaseTime Prompt, PhaseTime Decode);

/// <summary>One phase.</summary>
/// <param name="Passes">How many passes it took.</param>
/// <param name="Milliseconds">On the device in all.</param>
/// <param name="Kernels">By kernel, the longest first.</param>
internal sealed record PhaseTime(int Passes, double Milliseconds, IReadOnlyList<KernelTime> Kernels);

/// <summary>One kernel at one place of the model, over all layers and passes of a phase.</summary>
/// <param name="Step">What it does there.</param>
/// <param name="Shader">The shader that ran.</param>
/// <param name="Shape">Of its matrix, [rows, columns]; else its workgroups.</param>
/// <param name="Calls">Dispatches.</param>
/// <param name="Milliseconds">All of them.</param>
/// <param name="Share">Of the phase.</param>
/// <param name="BytesPerSecond">Weights, keys and values that it had to read at least; null for kernels that read little.</param>
/// <param name="BandwidthShare">The same as a share of the measured bandwidth.</param>
internal sealed record KernelTime(
    string Step, string Shader, string Shape, int Calls, double Milliseconds, double Share, double? BytesPerSecond, double? BandwidthShare);
