namespace Gemma2.Service.Model;

/// <summary>How far a reload is.</summary>
internal enum ReloadStatus
{
    /// <summary>There was none.</summary>
    None,

    /// <summary>It is looked whether there is another version, and whether it fits beside the one that is served.</summary>
    Checking,

    /// <summary>The new version is being loaded; the old one serves, unless it had to go first.</summary>
    Loading,

    /// <summary>There is no room for both: requests that began on the old version end, new ones wait.</summary>
    Draining,

    /// <summary>The new version serves.</summary>
    Succeeded,

    /// <summary>What is served is what is there already.</summary>
    Current,

    /// <summary>The new version cannot be served: the old one stays.</summary>
    Failed,
}

/// <summary>The last reload.</summary>
/// <param name="Status">How far it is.</param>
internal sealed record ReloadState(ReloadStatus Status)
{
    /// <summary>Whether it goes on.</summary>
    public bool IsRunning => Status is ReloadStatus.Checking or ReloadStatus.Loading or ReloadStatus.Draining;

    /// <summary>Whether the new version is loaded beside the old one, or after it; null while that is not decided.</summary>
    public bool? IsBeside { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it failed, in one line.</summary>
    public string? Error { get; init; }
}
