using Gemma2.Backend;
using Gemma2.Storage;

namespace Gemma2.Service.Model;

/// <summary>
/// Which failures of a load are waited out, and how long. Storage comes back, and a model that is missing or damaged there can be pushed: a process that waits is ready soon after, where one that ends
/// would read all of it again and again. A device that was lost, or has no memory left, is tried a few times: then the process ends, since another may get another device. All else stays as it is.
/// </summary>
internal sealed record LoadRetry
{
    /// <summary>Whether there is a storage account.</summary>
    public bool HasStorage { get; init; }

    /// <summary>Whether the model comes from there, so that another push can mend it.</summary>
    public bool IsModelStored { get; init; }

    /// <summary>How long the second try waits; each further one waits twice as long.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often in a row the device may fail.</summary>
    public int DeviceTries { get; init; } = 5;

    /// <summary>How often one version of a damaged model is read: bytes may be damaged on their way. Then another is waited for.</summary>
    public int ReadsOfAVersion { get; init; } = 3;

    /// <summary>How long to wait after a failure; null where waiting is of no use.</summary>
    /// <param name="error">The failure.</param>
    /// <param name="tries">How many tries failed, this one included.</param>
    public TimeSpan? After(Exception error, int tries) => MayPass(error, tries) ? Wait(tries) : null;

    private bool MayPass(Exception error, int tries) => error switch
    {
        StorageException => HasStorage,
        ModelException => IsModelStored,
        DeviceException device => device.MayPass && tries < DeviceTries,
        _ => false,
    };

    // Never the same, so that replicas that fail together do not come back together.
    private TimeSpan Wait(int tries) =>
        TimeSpan.FromSeconds(Math.Min(FirstWait.TotalSeconds * Math.Pow(2, tries - 1), LongestWait.TotalSeconds) * (0.75 + Random.Shared.NextDouble() / 4));
}
