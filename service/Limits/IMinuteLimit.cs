namespace Gemma2.Service.Limits;

/// <summary>An amount of which so much may be taken within a minute.</summary>
internal interface IMinuteLimit
{
    /// <summary>How much that is.</summary>
    int Size { get; }

    /// <summary>What can be taken now.</summary>
    int Content { get; }

    /// <summary>How long it takes until all of it can be taken again.</summary>
    TimeSpan UntilFull { get; }

    /// <summary>Takes an amount, or all where it is more. Null when it was there; else nothing is taken, and this is how long to wait.</summary>
    ValueTask<TimeSpan?> TryTakeAsync(int amount, CancellationToken cancellationToken);
}
