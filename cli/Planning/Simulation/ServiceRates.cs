using Gemma2.Cli.Planning.Rates;

namespace Gemma2.Cli.Planning.Simulation;

/// <summary>How fast one of n sequences advances, for every n up to a replica's limit.</summary>
internal sealed class ServiceRates
{
    private readonly double[] _prompt;
    private readonly double[] _decode;

    /// <summary>Divides a replica's rates among its sequences.</summary>
    public ServiceRates(RateTable table, int mostSequences)
    {
        RatePoint[] points = [.. Enumerable.Range(1, mostSequences).Select(table.At)];
        _prompt = [0, .. points.Select(point => point.PromptTokensPerSecond / point.Sequences)];
        _decode = [0, .. points.Select(point => point.DecodeTokensPerSecond / point.Sequences)];
    }

    /// <summary>Prompt tokens a second of one of so many sequences; 0 of none.</summary>
    public double Prompt(int sequences) => _prompt[sequences];

    /// <summary>New tokens a second of one of so many sequences; 0 of none.</summary>
    public double Decode(int sequences) => _decode[sequences];
}
