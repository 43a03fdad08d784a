namespace Gemma2.Service.Http.Streaming;

/// <summary>How answers are streamed.</summary>
internal sealed record StreamOptions
{
    /// <summary>How long a stream is silent at most. Proxies cut streams that are silent for minutes (the Functions host after 240 s).</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a stream of states looks whether there is a new one.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);
}
