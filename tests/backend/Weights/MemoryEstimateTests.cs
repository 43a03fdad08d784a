using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class MemoryEstimateTests(DeviceFixture fixture)
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
    public void Of_Gemma2B_AddsWeightsAndKeysAndValues()
    {
        TensorEntry[] tensors =
        [
            new("matrix of rows that are padded to 32", TensorType.BF16, [3, 13], "f", 8, 78), new("norm that is widened", TensorType.F16, [5], "f", 86, 10),
        ];
        MemoryEstimate one = MemoryEstimate.Of(Gemma2B, tensors, 8192, KvCacheType.F16);
        // Rows padded to 16, numbers to 32.
        Assert.Equal((16 * 32 * 2) + (32 * 4), one.WeightBytes);
        // Blocks of 32 positions of 13 layers: all of them, and the window behind a chunk of a prompt.
        Assert.Equal((256 + 137) * 13L * 32 * 2 * 4 * 256 * 2, one.KvCacheBytes);
        Assert.Equal(one.WeightBytes + one.KvCacheBytes, one.TotalBytes);
        Assert.Equal(one.KvCacheBytes * 6, MemoryEstimate.Of(Gemma2B, tensors, 8192, KvCacheType.F32, sequences: 3).KvCacheBytes);
        Assert.Equal(one.KvCacheBytes * (256 + 16) / 512, MemoryEstimate.Of(Gemma2B, tensors, 8192, KvCacheType.Q8_0).KvCacheBytes);
    }

    [Fact]
    public void Of_ContextThatEndsInABlock_CountsThatBlockWhole() =>
        Assert.Equal(26L * 128 * 2 * 4 * 256 * 2, MemoryEstimate.Of(Gemma2B, [], 100, KvCacheType.F16).KvCacheBytes);

    [Fact]
    public void Of_Gemma27BInF16_FitsADeviceOf80GBWithFourSequences()
    {
        Gemma2Config config = Published(4608, 36864, 46, 32, 16, 128);
        TensorEntry[] tensors = [.. TensorCatalog.Shapes(config).Select(tensor => new TensorEntry(tensor.Key, TensorType.F16, tensor.Value, "f", 0, 0))];
        var options = new EngineOptions { MaxSequences = 4 };
        KvCacheType type = options.KvCacheType.For(tensors.Select(tensor => tensor.Type));
        MemoryEstimate estimate = MemoryEstimate.Of(config, tensors, InferenceEngine.DefaultContextLength, type, options.MaxSequences);
        Assert.Equal(KvCacheType.F32, type);
        Assert.InRange(estimate.WeightBytes, 54_400_000_000, 54_600_000_000);
        Assert.InRange(estimate.TotalBytes, 54_600_000_000, 80_000_000_000);
    }

    [Theory]
    [InlineData(KvCacheType.Auto, TensorType.F32, TensorType.F32, KvCacheType.F32)]
    [InlineData(KvCacheType.Auto, TensorType.BF16, TensorType.F32, KvCacheType.F32)]
    [InlineData(KvCacheType.Auto, TensorType.F16, TensorType.F32, KvCacheType.F32)]
    [InlineData(KvCacheType.Auto, TensorType.Q8_0, TensorType.F32, KvCacheType.F16)]
    [InlineData(KvCacheType.Auto, TensorType.F16, TensorType.Q4_K, KvCacheType.F16)]
    [InlineData(KvCacheType.F16, TensorType.F32, TensorType.F32, KvCacheType.F16)]
    [InlineData(KvCacheType.F32, TensorType.Q4_K, TensorType.F32, KvCacheType.F32)]
    [InlineData(KvCacheType.Q8_0, TensorType.F16, TensorType.F32, KvCacheType.Q8_0)]
    public void For_TypesOfWeights_AutoIsAsExactAsTheyAre(KvCacheType asked, TensorType matrix, TensorType other, KvCacheType expected) =>
        Assert.Equal(expected, asked.For([other, matrix, other]));

    [Theory, MemberData(nameof(GoldenModels.All), MemberType = typeof(GoldenModels))]
    public async Task Of_EveryGoldenModel_IsWhatItsWeightsTakeOnTheDevice(string name)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(GoldenModels.Open(name).Folder), cancellation);

        using WeightUploader uploader = new(fixture.Device, model.Config, stagingBytes: 4 << 20);
        await model.ReadAsync(uploader, cancellationToken: cancellation);
        using ModelWeights weights = uploader.Finish();

        // Planes may be padded, fewer where matrices lie below one another.
        Assert.InRange(MemoryEstimate.Of(model.Config, model.Tensors, 100, KvCacheType.F16).WeightBytes - weights.Bytes, 0, 1024 * model.Tensors.Count);
    }

    private static long Parameters(Gemma2Config config) =>
        TensorCatalog.Shapes(config).Sum(tensor => tensor.Value.Aggregate(1L, (product, dimension) => product * dimension));

    private static Gemma2Config Published(int hidden, int intermediate, int layers, int heads, int keyValueHeads, int headDimension) => new()
    {
        VocabularySize = 256000,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = LayerConfig.Alternating(layers, window: 4096),
        HeadCount = heads,
        KeyValueHeadCount = keyValueHeads,
        HeadDimension = headDimension,
        QueryPreAttentionScalar = 256,
        MaxPositions = 8192,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
    };
}
