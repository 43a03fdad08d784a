namespace Gemma2.PlayedHost;

/// <summary>How the host is played.</summary>
/// <param name="Urls">Where it listens.</param>
/// <param name="MasterKey">The key for <c>/admin</c>; null: nobody may.</param>
/// <param name="Lease">How long messages in work are hidden at a time.</param>
/// <param name="DrainTime">How long what runs may go on when the host stops.</param>
/// <param name="RestartInterval">From one start of a worker that failed to the next, at least.</param>
/// <param name="Wrongs">What it does that no real host does.</param>
internal sealed record HostOptions(string Urls, string? MasterKey, TimeSpan Lease, TimeSpan DrainTime, TimeSpan RestartInterval, IReadOnlyList<Wrong> Wrongs);
