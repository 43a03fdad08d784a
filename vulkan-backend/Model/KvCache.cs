using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Model;

/// <summary>The memory of the KV cache: blocks of one size, each with room for 32 positions of a group of layers. Who holds which is the business of <see cref="BlockPool"/>.</summary>
internal sealed class KvCache : IDisposable
{
    /// <summary>Blocks share buffers up to this size, which every driver gives in one piece: of buffers it need not give more than 4,096.</summary>
    private const long BufferBytes = 1L << 30;

    private readonly List<GpuBuffer> _buffers = [];
    private readonly long _layerBytes;
    private readonly int _blocksInBuffer;

    /// <param name="device">Where the blocks lie.</param>
    /// <param name="config">The model.</param>
    /// <param name="shape">Its attention.</param>
    /// <param name="type">How keys and values are kept.</param>
    /// <param name="blocks">How many blocks.</param>
    public KvCache(GpuDevice device, Gemma2Config config, AttentionShape shape, TensorType type, int blocks)
    {
        Groups = new LayerGroups(config);
        _layerBytes = CacheLayout.LayerBytes(type, shape);
        long blockBytes = BytesOfBlock(config, shape, type);
        _blocksInBuffer = (int)Math.Max(1, BufferBytes / blockBytes);
        for (int first = 0; first < blocks; first += _blocksInBuffer)
            _buffers.Add(device.Allocate(Math.Min(_blocksInBuffer, blocks - first) * blockBytes, MemoryKind.Device, $"a KV cache of {blocks} blocks"));
        BlockBytes = blockBytes;
        Blocks = blocks;
    }

    /// <summary>How layers share blocks.</summary>
    public LayerGroups Groups { get; }

    /// <summary>How many blocks there are.</summary>
    public int Blocks { get; }

    /// <summary>Bytes of a block.</summary>
    public long BlockBytes { get; }

    /// <summary>Bytes of a block of a model's cache.</summary>
    public static long BytesOfBlock(Gemma2Config config, AttentionShape shape, TensorType type) =>
        new LayerGroups(config).LayersOfLargest * CacheLayout.LayerBytes(type, shape);

    /// <summary>Where a block begins in device memory.</summary>
    public ulong AddressOf(int block) => _buffers[block / _blocksInBuffer].Address + (ulong)(block % _blocksInBuffer * BlockBytes);

    /// <summary>Bytes from the beginning of a block to what a layer has there.</summary>
    public uint OffsetOf(int layer) => (uint)(Groups.IndexOf(layer) * _layerBytes);

    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }
}
