namespace Gemma2.Benchmarks.Blobs;

/// <summary>A link that downloads are measured over.</summary>
/// <param name="Name">What is special about it.</param>
/// <param name="Limits">The server's options.</param>
/// <param name="Connections">How many the bare download has: as many as the link needs.</param>
/// <param name="WithoutHedging">Whether ours is measured without second tries too.</param>
internal sealed record Scenario(string Name, string[] Limits, int Connections, bool WithoutHedging = false)
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("as fast as loopback is", [], 16),
        new("400 MB/s", ["--rate", "400", "--latency", "5"], 16),
        new("400 MB/s, one range of 40 comes 2 s late", ["--rate", "400", "--latency", "5", "--tail", "40:2000"], 16, WithoutHedging: true),
        new("400 MB/s, 10 MB/s a connection", ["--rate", "400", "--latency", "20", "--connection-rate", "10"], 48),
        new("400 MB/s, one request of 50 gets 503", ["--rate", "400", "--latency", "5", "--busy", "50"], 16),
    ];
}
