using Gemma2.Backend;
using Gemma2.Storage;

namespace Gemma2.Service.Queue;

/// <summary>What is tried again without using up a message's tries, and how long it waits.</summary>
internal static class RetryBackoff
{
    /// <summary>After so many new messages the reason is taken for a lasting one.</summary>
    public const int MaxRetries = 100;

    private const double FirstSeconds = 5;
    private const double FirstOutageSeconds = 2;
    private const double LongestSeconds = 300;

    /// <summary>True for what is no fault of the work: storage is away, the device is lost, the app stops.</summary>
    public static bool IsInfrastructure(Exception error) => error is StorageException or DeviceException or OperationCanceledException;

    /// <summary>True for what counts as one of the times after which work is given up. Storage that is away does not: it will be back, and with it the work.</summary>
    public static bool Counts(Exception error) => error is not StorageException { IsOutage: true };

    /// <summary>
    /// How long work waits that an error stopped. Storage that was away is back where the message could be sent that waits, or a part of it is: then it is the
    /// patience of its calls (<see cref="StoragePatience"/>) that keeps the tries apart.
    /// </summary>
    public static TimeSpan After(Exception error, int retries) =>
        Counts(error) ? After(retries) : TimeSpan.FromSeconds(FirstOutageSeconds * (1 + Random.Shared.NextDouble()));

    /// <summary>5 to 10 seconds, each time about twice as long, at most 5 minutes; never the same, so that what failed together does not come back together.</summary>
    /// <param name="retries">How often it has waited before.</param>
    public static TimeSpan After(int retries) =>
        TimeSpan.FromSeconds(Math.Min(FirstSeconds * Math.Pow(2, retries), LongestSeconds / 2) * (1 + Random.Shared.NextDouble()));
}
