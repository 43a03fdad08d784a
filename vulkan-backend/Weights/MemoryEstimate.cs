using Gemma2.Backend.Model;
using Gemma2.Backend.Serving;

namespace Gemma2.Backend.Weights;

/// <summary>Device memory that a model needs, without the small buffers for activations.</summary>
/// <param name="WeightBytes">The weights, as they are stored.</param>
/// <param name="KvCacheBytes">Keys and values of all sequences.</param>
public sealed record MemoryEstimate(long WeightBytes, long KvCacheBytes)
{
    /// <summary>Tokens of a prompt that are worked on at once.</summary>
    public const int DefaultPrefillChunk = 64;

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + KvCacheBytes;

    /// <summary>Estimates the memory for sequences of a length.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="tensors">The tensors that are loaded.</param>
    /// <param name="contextLength">Longest prompt plus answer, in tokens.</param>
    /// <param name="type">How keys and values are kept.</param>
    /// <param name="sequences">Sequences worked on at once.</param>
    /// <param name="prefillChunk">Tokens of a prompt that are worked on at once.</param>
    /// <param name="granularity">Positions are kept in multiples of this.</param>
    public static MemoryEstimate Of(
        Gemma2Config config, IEnumerable<TensorEntry> tensors, int contextLength, KvCacheType type,
        int sequences = 1, int prefillChunk = DefaultPrefillChunk, int granularity = 1)
    {
        long bytesAPosition = 2L * config.KeyValueHeadCount * config.HeadDimension * (type == KvCacheType.F32 ? 4 : 2);
        long positions = Enumerable.Range(0, config.LayerCount)
            .Sum(layer => (long)CachedPositions(config, layer, contextLength, prefillChunk, granularity));
        return new MemoryEstimate(tensors.Sum(tensor => tensor.Length), sequences * positions * bytesAPosition);
    }

    /// <summary>
    /// Positions whose keys and values a layer keeps: all in a global layer. In a sliding one those that a chunk's first token still sees, and the chunk.
    /// </summary>
    public static int CachedPositions(Gemma2Config config, int layer, int contextLength, int prefillChunk = DefaultPrefillChunk, int granularity = 1)
    {
        int needed = Gemma2Config.IsSliding(layer) ? Math.Min(contextLength, config.SlidingWindow + prefillChunk - 1) : contextLength;
        return (needed + granularity - 1) / granularity * granularity;
    }
}
