namespace Gemma2.PlayedHost;

/// <summary>How the host is played.</summary>
/// <param name="Urls">Where it listens.</param>
/// <param name="MasterKey">The key for <c>/admin</c>; null: nobody may.</param>
/// <param name="Wrongs">What it does that no real host does.</param>
internal sealed record HostOptions(string Urls, string? MasterKey, IReadOnlyList<Wrong> Wrongs);
