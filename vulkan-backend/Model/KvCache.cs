using System.Runtime.InteropServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Model;

/// <summary>
/// Keys and values of all sequences that may run at once: all positions in global layers, a ring of the last ones in sliding layers.
/// Kernels find them through a table of addresses.
/// </summary>
internal sealed class KvCache : IDisposable
{
    /// <summary>Caches share buffers up to this size, which every driver gives in one piece: of buffers it need not give more than 4,096.</summary>
    private const long BufferBytes = 1L << 30;

    private readonly GpuBuffer[] _buffers;
    private readonly GpuBuffer _table;
    private readonly Gemma2Config _config;
    private readonly int _contextLength;

    public KvCache(GpuDevice device, Gemma2Config config, AttentionShape shape, int contextLength, TensorType type, int sequences)
    {
        (_config, _contextLength, Sequences) = (config, contextLength, sequences);
        // [sequences, layers]
        long[] bytes = [.. Enumerable.Range(0, sequences * config.LayerCount)
            .Select(i => CacheLayout.LayerBytes(type, shape, Slots(config.Layers[i % config.LayerCount], contextLength)))];
        (long[] sizes, (int Buffer, long Offset)[] places) = Place(bytes, BufferBytes);
        _buffers = Array.ConvertAll(sizes, size => device.Allocate(size, MemoryKind.Device, $"KV caches of sequences of {contextLength} tokens"));
        _table = device.Allocate(places.Length * sizeof(ulong), MemoryKind.Device, "addresses of KV caches");
        using var uploader = new StagingUploader(device);
        uploader.Write(_table, 0, MemoryMarshal.AsBytes<ulong>(Array.ConvertAll(places, place => _buffers[place.Buffer].Address + (ulong)place.Offset)));
    }

    /// <summary>How many sequences have a cache: they are numbered from 0.</summary>
    public int Sequences { get; }

    /// <summary>One layer's caches. The table is [sequences, layers].</summary>
    public LayerCache Layer(int layer) =>
        new(_table.Address + ((ulong)layer * sizeof(ulong)), _config.LayerCount, Slots(_config.Layers[layer], _contextLength));

    /// <summary>Positions that a layer keeps. A sliding layer's ring holds the window of every query of a chunk.</summary>
    public static int Slots(LayerConfig layer, int contextLength) => layer.Window is int window
        ? (int)Math.Min(contextLength, (long)window + PassLimits.PromptRows - 1)
        : contextLength;

    /// <summary>Puts caches one behind the other into as few buffers as hold them in their order.</summary>
    /// <param name="bytes">Their sizes, which leave the next one aligned.</param>
    /// <param name="most">Largest buffer; a larger cache has a buffer of its own.</param>
    /// <returns>Sizes of the buffers; where each cache begins.</returns>
    internal static (long[] Sizes, (int Buffer, long Offset)[] Places) Place(ReadOnlySpan<long> bytes, long most)
    {
        var sizes = new List<long>();
        var places = new (int Buffer, long Offset)[bytes.Length];
        for (int i = 0; i < places.Length; i++)
        {
            if (sizes.Count == 0 || sizes[^1] + bytes[i] > most) sizes.Add(0);
            places[i] = (sizes.Count - 1, sizes[^1]);
            sizes[^1] += bytes[i];
        }
        return ([.. sizes], places);
    }

    public void Dispose()
    {
        _table.Dispose();
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }
}
