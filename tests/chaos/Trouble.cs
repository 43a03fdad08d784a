namespace Gemma2.Chaos.Tests;

/// <summary>What is done to the app and its storage besides faults of single calls.</summary>
internal enum Trouble
{
    /// <summary>A process is ended by SIGKILL; under a Functions host that of the host, whose worker is left alone.</summary>
    Kill,

    /// <summary>The worker of a Functions host is ended by SIGKILL.</summary>
    KillWorker,

    /// <summary>A Functions host and its worker are ended by SIGKILL.</summary>
    KillBoth,

    /// <summary>A process is asked to end by SIGTERM.</summary>
    Term,

    /// <summary>A process stands still for longer than its leases, then goes on.</summary>
    Pause,

    /// <summary>Storage goes away in the middle of calls and comes back.</summary>
    StorageRestart,

    /// <summary>Storage fails for a while in every second call.</summary>
    Burst,

    /// <summary>Messages that were sent before, of work in hand and of work long done, are sent again.</summary>
    Duplicates,

    /// <summary>Something that is no message is in a queue.</summary>
    Garbage,

    /// <summary>A batch is cancelled.</summary>
    Cancel,

    /// <summary>A batch's window ends.</summary>
    Expire,
}
