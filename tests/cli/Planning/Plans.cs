using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Tests.Planning;

/// <summary>Simulations for tests.</summary>
internal static class Plans
{
    /// <summary>Tokens a second of a replica in a simulation whose answers take a second in the mean.</summary>
    public const int TokensASecond = 1000;

    /// <summary>So many replicas that are always there, each one server with a mean service time of 1 s: the queues of textbooks.</summary>
    public static SimulationOptions Servers(int servers, double requestsASecond, double seconds, bool fixedLengths = false, int sequences = 1) => new()
    {
        Profile = RateProfile.Named("flat").WithMean(requestsASecond * 3600),
        Lengths = new RequestLengths(1, TokensASecond, fixedLengths, 1_000_000_000),
        Rates = RateTable.Constant(1e9, TokensASecond),
        Sequences = sequences,
        Scaling = new ScalingOptions { MinReplicas = servers, MaxReplicas = servers },
        ColdStartSeconds = 60,
        Seconds = seconds,
    };

    /// <summary>A service as it is run: replicas come and go.</summary>
    public static SimulationOptions Service(RateProfile profile, double hours) => new()
    {
        Profile = profile,
        Lengths = new RequestLengths(400, 100, false, 8192),
        Rates = new RateTable([new RatePoint(1, 4000, 50), new RatePoint(4, 5000, 160)]),
        Sequences = 4,
        Scaling = new ScalingOptions { MaxReplicas = 8, QueueLength = 4 },
        ColdStartSeconds = 60,
        Seconds = hours * 3600,
    };

    /// <summary>Runs a simulation.</summary>
    public static SimulationResult Run(this SimulationOptions options) => Simulator.Run(options, TestContext.Current.CancellationToken);
}
