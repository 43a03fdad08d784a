using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning;

/// <summary>One thing that the answer rests on.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">Its value.</param>
/// <param name="Source">Where the value is from: given, assumed, published, measured, or computed from others.</param>
internal sealed record Assumption(string Name, string Value, string Source);

/// <summary>What is to be simulated, complete and checked.</summary>
/// <param name="Title">A heading.</param>
/// <param name="Simulation">All that the simulation depends on.</param>
/// <param name="PricePerGpuHour">What an hour of a replica costs; null where nobody said.</param>
/// <param name="Assumptions">What the answer rests on, defaults included.</param>
/// <param name="RatesSource">Where the rates are from, in a few words.</param>
/// <param name="Caution">What the reader must know about the rates: measured, assumed or a bound.</param>
internal sealed record Plan(
    string Title, SimulationOptions Simulation, double? PricePerGpuHour, IReadOnlyList<Assumption> Assumptions, string RatesSource, string Caution);
