using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Engine;

/// <summary>Device memory that a model takes, without the small buffers for activations.</summary>
/// <param name="WeightBytes">The weights: matrices in device order, norms as float32.</param>
/// <param name="KvCacheBytes">Keys and values of all sequences, in whole blocks.</param>
public sealed record MemoryEstimate(long WeightBytes, long KvCacheBytes)
{
    /// <summary>The padding of rows is counted as on the devices that pad most.</summary>
    private const int LargestTile = 16;

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + KvCacheBytes;

    /// <summary>Estimates the memory for sequences of a length.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="tensors">The tensors that are loaded.</param>
    /// <param name="contextLength">Longest prompt plus answer, in tokens.</param>
    /// <param name="type">How keys and values are kept: what <see cref="KvCacheType.Auto"/> stands for, not that itself.</param>
    /// <param name="sequences">Sequences worked on at once.</param>
    public static MemoryEstimate Of(Gemma2Config config, IEnumerable<TensorEntry> tensors, int contextLength, KvCacheType type, int sequences = 1) =>
        new(tensors.Sum(DeviceBytes), (long)sequences * SequenceBlocks(config, contextLength) * BlockBytes(config, type));

    /// <summary>Keys and values that one more token of a sequence reads.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="positions">Tokens in the cache, its own included.</param>
    /// <param name="type">How keys and values are kept.</param>
    public static long BytesRead(Gemma2Config config, int positions, KvCacheType type)
    {
        AttentionShape shape = ForwardPass.ShapeOf(config);
        long perPosition = 2L * shape.KeyValueHeads * CacheLayout.RowBytes(type.ToTensorType(), shape.HeadDimension);
        return config.Layers.Sum(layer => Math.Min(positions, layer.Window ?? positions) * perPosition);
    }

    /// <summary>Blocks that a sequence of a length holds at most.</summary>
    internal static int SequenceBlocks(Gemma2Config config, int contextLength) =>
        BlockTable.MostBlocks(new LayerGroups(config).Windows, contextLength, StepLimits.PromptRows);

    /// <summary>Bytes of a block.</summary>
    internal static long BlockBytes(Gemma2Config config, KvCacheType type) => KvCache.BytesOfBlock(config, ForwardPass.ShapeOf(config), type.ToTensorType());

    private static long DeviceBytes(TensorEntry tensor) => tensor.Shape is [long rows, long columns]
        ? new WeightLayout(tensor.Type, (int)columns, LargestTile).Bytes((int)rows)
        : tensor.Shape.Sum(width => (long)RowLayout.Stride((int)width) * sizeof(float));
}
