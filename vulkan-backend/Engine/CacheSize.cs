using System.Globalization;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Engine;

/// <summary>How many blocks the KV cache gets.</summary>
internal static class CacheSize
{
    // Of the memory that is left: a GPU is there for this program, the memory of a CPU device for others too.
    private const double ShareOfGpu = 0.9;
    private const double ShareOfHost = 0.5;

    /// <summary>
    /// What the option says; else as much as all sequences can hold at their longest, if the memory that is left allows it, and no less than one sequence needs.
    /// </summary>
    /// <param name="device">Where the cache comes to lie; all else that is large is there already.</param>
    /// <param name="config">The model.</param>
    /// <param name="type">How keys and values are kept.</param>
    /// <param name="contextLength">Longest sequence.</param>
    /// <param name="options">Sequences, and memory if given.</param>
    /// <exception cref="InvalidRequestException">The option gives less than one sequence needs.</exception>
    public static int Blocks(GpuDevice device, Gemma2Config config, KvCacheType type, int contextLength, EngineOptions options)
    {
        long blockBytes = MemoryEstimate.BlockBytes(config, type);
        int one = MemoryEstimate.SequenceBlocks(config, contextLength);
        if (options.KvCacheMemory is { } given)
        {
            if (given / blockBytes >= one) return (int)Math.Min(given / blockBytes, int.MaxValue);
            throw new InvalidRequestException(nameof(options.KvCacheMemory), string.Create(
                CultureInfo.InvariantCulture,
                $"KvCacheMemory is {given} bytes; a sequence of {contextLength} tokens needs {one * blockBytes}. Give more, or a shorter context."));
        }
        long most = (long)one * options.MaxSequences, left = Usable(device) / blockBytes;
        return (int)Math.Clamp(left, one, Math.Min(most, int.MaxValue));
    }

    /// <summary>Bytes of the device's memory that may still be taken for what is not needed to the last byte.</summary>
    public static long Usable(GpuDevice device) =>
        (long)(device.Description.Kind == DeviceKind.Software ? HostBytes(device) * ShareOfHost : device.FreeBytes() * ShareOfGpu);

    /// <summary>A driver that computes on the CPU knows the machine's memory, but not a container's limit; the runtime does.</summary>
    private static long HostBytes(GpuDevice device) =>
        Math.Max(0, Math.Min(device.FreeBytes(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - device.AllocatedBytes));
}
