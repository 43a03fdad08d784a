using Gemma2.Backend.Decoding;

namespace Gemma2.Cli.Planning.Simulation;

/// <summary>
/// Random numbers by position: draw k of a stream follows from the seed alone. So the same requests come at the same times, whatever the replicas do, and two plans
/// that differ in one setting differ by that setting only.
/// </summary>
internal sealed class Draws
{
    private readonly ulong _seed;

    /// <summary>One stream of a seed.</summary>
    public Draws(long seed, DrawStream stream) => _seed = SplitMix64.At((ulong)seed, (ulong)stream);

    /// <summary>Draw number <paramref name="index"/> of the exponential distribution with mean 1.</summary>
    public double Exponential(long index) => -Math.Log(1 - SplitMix64.UniformAt(_seed, (ulong)index));

    /// <summary>Draw number <paramref name="index"/> of the geometric distribution on 1, 2, ... with a mean of 1 or more.</summary>
    public int Geometric(long index, double mean) =>
        mean <= 1 ? 1 : 1 + (int)Math.Min(Exponential(index) / -Math.Log(1 - (1 / mean)), int.MaxValue / 2);
}

/// <summary>What random numbers are drawn for.</summary>
internal enum DrawStream
{
    /// <summary>Times between requests.</summary>
    Arrivals,

    /// <summary>Lengths of prompts.</summary>
    Prompts,

    /// <summary>Lengths of answers.</summary>
    Answers,

    /// <summary>How long replicas live.</summary>
    Lives,
}
