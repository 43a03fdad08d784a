using Gemma2.Backend.Model;
using Gemma2.Backend.Serving;
using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Weights;

public sealed class MemoryEstimateTests
{
    private static readonly Gemma2Config Gemma2B = Published(2304, 9216, 26, 8, 4, 256);

    [Fact]
    public void Shapes_OfThePublishedModels_HoldTheirNumberOfParameters()
    {
        Assert.Equal(2_614_341_888, Parameters(Gemma2B));
        Assert.Equal(9_241_705_984, Parameters(Published(3584, 14336, 42, 16, 8, 256)));
        Assert.Equal(27_227_128_320, Parameters(Published(4608, 36864, 46, 32, 16, 128)));
    }

    [Fact]
    public void CachedPositions_OfALayer_AreAllOrTheWindowAndAChunk()
    {
        Assert.Equal(4096 + 63, MemoryEstimate.CachedPositions(Gemma2B, layer: 0, contextLength: 8192));
        Assert.Equal(8192, MemoryEstimate.CachedPositions(Gemma2B, layer: 1, contextLength: 8192));
        Assert.Equal(100, MemoryEstimate.CachedPositions(Gemma2B, layer: 0, contextLength: 100));
        Assert.Equal(112, MemoryEstimate.CachedPositions(Gemma2B, layer: 0, contextLength: 100, granularity: 16));
        Assert.Equal(4096, MemoryEstimate.CachedPositions(Gemma2B, layer: 24, contextLength: 8192, prefillChunk: 1));
    }

    [Fact]
    public void Of_Gemma2B_AddsWeightsAndKeysAndValues()
    {
        TensorEntry[] tensors = [new("a", TensorType.F32, [3], "f", 8, 12), new("b", TensorType.BF16, [5], "f", 20, 10)];
        MemoryEstimate one = MemoryEstimate.Of(Gemma2B, tensors, 8192, KvCacheType.F16);
        Assert.Equal(22, one.WeightBytes);
        Assert.Equal(13L * (8192 + 4159) * 2 * 4 * 256 * 2, one.KvCacheBytes);
        Assert.Equal(one.WeightBytes + one.KvCacheBytes, one.TotalBytes);
        Assert.Equal(one.KvCacheBytes * 6, MemoryEstimate.Of(Gemma2B, tensors, 8192, KvCacheType.F32, sequences: 3).KvCacheBytes);
    }

    private static long Parameters(Gemma2Config config) =>
        TensorCatalog.Shapes(config).Sum(tensor => tensor.Value.Aggregate(1L, (product, dimension) => product * dimension));

    private static Gemma2Config Published(int hidden, int intermediate, int layers, int heads, int keyValueHeads, int headDimension) => new()
    {
        VocabularySize = 256000,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        HeadCount = heads,
        KeyValueHeadCount = keyValueHeads,
        HeadDimension = headDimension,
        QueryPreAttentionScalar = 256,
        SlidingWindow = 4096,
        MaxPositions = 8192,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
    };
}
