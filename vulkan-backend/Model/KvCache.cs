using System.Runtime.InteropServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Model;

/// <summary>
/// Keys and values of all sequences that may run at once: all positions in global layers, a ring of the last ones in sliding layers.
/// Kernels find them through a table of addresses.
/// </summary>
internal sealed class KvCache : IDisposable
{
    private readonly GpuBuffer[] _buffers;
    private readonly GpuBuffer _table;
    private readonly Gemma2Config _config;
    private readonly int _contextLength;

    public KvCache(GpuDevice device, Gemma2Config config, AttentionShape shape, int contextLength, TensorType type, int sequences)
    {
        (_config, _contextLength, Sequences) = (config, contextLength, sequences);
        _buffers = new GpuBuffer[sequences * config.LayerCount];
        for (int i = 0; i < _buffers.Length; i++)
        {
            long bytes = CacheLayout.LayerBytes(type, shape, Slots(config, i % config.LayerCount, contextLength));
            _buffers[i] = device.Allocate(bytes, MemoryKind.Device, $"the KV cache of a sequence of {contextLength} tokens");
        }
        _table = device.Allocate(_buffers.Length * sizeof(ulong), MemoryKind.Device, "addresses of KV caches");
        using var uploader = new StagingUploader(device);
        uploader.Write(_table, 0, MemoryMarshal.AsBytes<ulong>(Array.ConvertAll(_buffers, buffer => buffer.Address)));
    }

    /// <summary>How many sequences have a cache: they are numbered from 0.</summary>
    public int Sequences { get; }

    /// <summary>One layer's caches. The table is [sequences, layers].</summary>
    public LayerCache Layer(int layer) =>
        new(_table.Address + ((ulong)layer * sizeof(ulong)), _config.LayerCount, Slots(_config, layer, _contextLength));

    /// <summary>Positions that a layer keeps. A sliding layer's ring holds the window of every query of a chunk.</summary>
    public static int Slots(Gemma2Config config, int layer, int contextLength) => Gemma2Config.IsSliding(layer)
        ? (int)Math.Min(contextLength, (long)config.SlidingWindow + KernelSet.MaxPromptRows - 1)
        : contextLength;

    public void Dispose()
    {
        _table.Dispose();
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }
}
