using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Model;

/// <summary>Keys and values of one sequence: all positions in global layers, a ring of the last ones in sliding layers.</summary>
internal sealed class KvCache : IDisposable
{
    private readonly GpuBuffer[] _buffers;
    private readonly DeviceCache[] _layers;

    public KvCache(GpuDevice device, Gemma2Config config, AttentionShape shape, int contextLength, TensorType type)
    {
        _buffers = new GpuBuffer[config.LayerCount];
        _layers = new DeviceCache[config.LayerCount];
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            int slots = Slots(config, layer, contextLength);
            long bytes = CacheLayout.LayerBytes(type, shape, slots);
            _buffers[layer] = device.Allocate(bytes, MemoryKind.Device, $"the KV cache of a sequence of {contextLength} tokens");
            _layers[layer] = new DeviceCache(_buffers[layer].Address, _buffers[layer].Address + (ulong)(bytes / 2), slots);
        }
    }

    public DeviceCache Layer(int layer) => _layers[layer];

    /// <summary>Positions that a layer keeps. A sliding layer's ring holds the window of every query of a chunk.</summary>
    public static int Slots(Gemma2Config config, int layer, int contextLength) => Gemma2Config.IsSliding(layer)
        ? (int)Math.Min(contextLength, (long)config.SlidingWindow + ForwardPass.MaxTokens - 1)
        : contextLength;

    public void Dispose()
    {
        foreach (GpuBuffer buffer in _buffers) buffer.Dispose();
    }
}
