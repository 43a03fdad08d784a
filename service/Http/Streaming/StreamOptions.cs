namespace Gemma2.Service.Http.Streaming;

/// <summary>How answers are streamed.</summary>
internal sealed record StreamOptions
{
    /// <summary>After how long a silence a stream's first comment comes: sooner, short answers would have comments that nobody needs.</summary>
    public TimeSpan FirstHeartbeat { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a stream is silent at most from then on. Proxies cut streams that are silent for minutes (the Functions host after 240 s).</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>What measures silence.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How often a stream of states looks whether there is a new one.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);
}
