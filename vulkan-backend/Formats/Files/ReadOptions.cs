using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Formats.Files;

/// <summary>How a model's weights are read.</summary>
public sealed record ReadOptions
{
    /// <summary>Bytes that are taken for what is on its way where nothing else is said.</summary>
    public const long DefaultStagingMemory = 512L << 20;

    /// <summary>The fewest: a few blocks of any source.</summary>
    public const long LeastStagingMemory = 64L << 20;

    /// <summary>Most bytes of memory for what is on its way from the files to where it belongs. It says how many blocks are read at once.</summary>
    public long StagingMemory { get; init; } = DefaultStagingMemory;

    /// <summary>Told when each file was read.</summary>
    public StartupTimeline Timeline { get; init; } = StartupTimeline.FromNow();

    /// <summary>What of the staging memory blocks of files may take; the rest is for those that take the tensors.</summary>
    internal long BlockMemory => StagingMemory / 4 * 3;

    /// <summary>What of it copies to a device may take.</summary>
    internal long CopyMemory => StagingMemory - BlockMemory;
}
