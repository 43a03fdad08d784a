using Gemma2.Backend;

namespace Gemma2.Cli.Hub;

/// <summary>The hub does not give what was asked of it. The message is one line that names the repository.</summary>
internal sealed class HubException(string message, Exception? inner = null) : Gemma2Exception(message, inner)
{
    /// <summary>Whether the same call may succeed later.</summary>
    public bool MayPass { get; init; }

    /// <summary>How long the hub asks to wait; null where it does not say.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
