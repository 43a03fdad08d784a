using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Tests.Weights.Quantization;

/// <summary>Expected types are what llama.cpp's llama-quantize gave to models of these shapes.</summary>
public sealed class WeightMixTests
{
    private static readonly Gemma2Config K256 = Gemma2Shapes.Tiny with { HiddenSize = 256, IntermediateSize = 256, Layers = LayerConfig.Alternating(2, window: 64), HeadCount = 8, KeyValueHeadCount = 1 };
    private static readonly Gemma2Config S64 = Gemma2Shapes.Tiny with { HiddenSize = 64, IntermediateSize = 96, Layers = LayerConfig.Alternating(4, window: 64), HeadCount = 4, KeyValueHeadCount = 2, HeadDimension = 32 };

    [Theory]
    [InlineData(WeightType.Q4_0, false, "Q6_K", "Q4_0", "Q4_0", "Q4_0", "Q4_0", "Q4_0")]
    [InlineData(WeightType.IQ4_XS, false, "Q6_K", "IQ4_XS", "Q5_K", "IQ4_XS", "IQ4_XS", "IQ4_XS")]
    [InlineData(WeightType.Q2_K, false, "Q6_K", "Q2_K", "Q4_K", "Q3_K", "Q2_K", "Q3_K")]
    [InlineData(WeightType.Q2_K, true, "Q2_K", "Q2_K", "Q2_K", "Q2_K", "Q2_K", "Q2_K")]
    [InlineData(WeightType.Q3_K_M, false, "Q6_K", "Q3_K", "Q5_K", "Q4_K", "Q3_K", "Q4_K")]
    [InlineData(WeightType.Q4_K_M, false, "Q6_K", "Q4_K", "Q4_K Q6_K", "Q4_K", "Q4_K", "Q4_K Q6_K")]
    [InlineData(WeightType.Q5_K_M, false, "Q6_K", "Q5_K", "Q5_K Q6_K", "Q5_K", "Q5_K", "Q5_K Q6_K")]
    [InlineData(WeightType.Q6_K, false, "Q6_K", "Q6_K", "Q6_K", "Q6_K", "Q6_K", "Q6_K")]
    public void TypeOf_RowsOf256_IsWhatLlamaQuantizeGives(
        WeightType type, bool pure, string embedding, string query, string value, string output, string gate, string down) =>
        AssertTypes(K256, type, pure, embedding, query, value, output, gate, down);

    [Theory]
    [InlineData(WeightType.F32, false, "F32", "F32", "F32", "F32", "F32", "F32")]
    [InlineData(WeightType.F16, false, "F16", "F16", "F16", "F16", "F16", "F16")]
    [InlineData(WeightType.Q8_0, false, "Q8_0", "Q8_0", "Q8_0", "Q8_0", "Q8_0", "Q8_0")]
    [InlineData(WeightType.Q4_0, true, "Q4_0", "Q4_0", "Q4_0", "Q4_0", "Q4_0", "Q4_0")]
    [InlineData(WeightType.Q4_1, false, "Q8_0", "Q4_1", "Q4_1", "Q4_1", "Q4_1", "Q4_1")]
    [InlineData(WeightType.Q5_0, false, "Q8_0", "Q5_0", "Q5_0", "Q5_0", "Q5_0", "Q5_0")]
    [InlineData(WeightType.Q5_1, false, "Q8_0", "Q5_1", "Q5_1", "Q5_1", "Q5_1", "Q5_1")]
    [InlineData(WeightType.IQ4_NL, false, "Q8_0", "IQ4_NL", "IQ4_NL", "IQ4_NL", "IQ4_NL", "IQ4_NL")]
    [InlineData(WeightType.Q4_K_M, false, "Q8_0", "Q5_0", "Q5_0 Q5_0 Q8_0 Q8_0", "Q5_0", "Q5_0", "Q5_0 Q5_0 Q8_0 Q8_0")]
    public void TypeOf_RowsThatAreNoMultipleOf256_FallsBackAsLlamaQuantizeDoes(
        WeightType type, bool pure, string embedding, string query, string value, string output, string gate, string down) =>
        AssertTypes(S64, type, pure, embedding, query, value, output, gate, down);

    /// <summary>What llama_tensor_get_type in src/llama-quant.cpp of llama.cpp says for 26 layers, which the two models above are too small to show.</summary>
    [Theory]
    [InlineData(WeightType.Q2_K, "Q3_K*26", "Q3_K*26", "Q3_K*26")]
    [InlineData(WeightType.Q2_K_S, "Q2_K*26", "Q2_K*26", "Q4_K*3 Q2_K*23")]
    [InlineData(WeightType.Q3_K_S, "Q3_K*26", "Q3_K*26", "Q3_K*26")]
    [InlineData(WeightType.Q3_K_M, "Q5_K*2 Q4_K*24", "Q4_K*26", "Q5_K*1 Q4_K*25")]
    [InlineData(WeightType.Q3_K_L, "Q5_K*26", "Q5_K*26", "Q5_K*26")]
    [InlineData(WeightType.Q4_K_S, "Q5_K*4 Q4_K*22", "Q4_K*26", "Q5_K*3 Q4_K*23")]
    [InlineData(WeightType.Q4_K_M, MoreBits, "Q4_K*26", MoreBits)]
    [InlineData(WeightType.Q5_K_S, "Q5_K*26", "Q5_K*26", "Q5_K*26")]
    [InlineData(WeightType.IQ4_XS, "IQ4_XS*26", "IQ4_XS*26", "Q5_K*3 IQ4_XS*23")]
    public void TypeOf_LayersOf2B_AreThoseOfLlamaCppsPresets(WeightType type, string value, string output, string down)
    {
        WeightMix mix = new(type, Gemma2Shapes.Published["2b"]);
        string Layers(Func<int, string> name) => Runs([.. Enumerable.Range(0, 26).Select(layer => mix.TypeOf(new TensorEntry(name(layer), TensorType.BF16, [256, 2304], "f", 0, 0)))]);
        Assert.Equal((value, output, down), (Layers(TensorNames.Value), Layers(TensorNames.AttentionOutput), Layers(TensorNames.Down)));
    }

    private const string MoreBits = "Q6_K*3 Q4_K*2 Q6_K*1 Q4_K*2 Q6_K*1 Q4_K*2 Q6_K*1 Q4_K*2 Q6_K*1 Q4_K*2 Q6_K*1 Q4_K*2 Q6_K*1 Q4_K*1 Q6_K*4";

    private static string Runs(TensorType[] types)
    {
        List<string> runs = [];
        for (int first = 0, next; first < types.Length; first = next)
        {
            for (next = first; next < types.Length && types[next] == types[first]; next++) { }
            runs.Add($"{types[first]}*{next - first}");
        }
        return string.Join(' ', runs);
    }

    [Theory]
    [InlineData(WeightType.Q4_K_M, "Q4_K", "Q6_K")]
    [InlineData(WeightType.Q3_K_S, "Q3_K", "Q6_K")]
    [InlineData(WeightType.Q8_0, "Q8_0", "Q8_0")]
    [InlineData(WeightType.BF16, "BF16", "BF16")]
    public void TypeOf_OutputMatrixOfItsOwn_GetsTheBitsInTheEmbeddingsPlace(WeightType type, string embedding, string head)
    {
        WeightMix mix = new(type, K256, hasHead: true);
        Assert.Equal((embedding, head), ($"{mix.WantedOf(TensorNames.Embedding)}", $"{mix.WantedOf(TensorNames.Head)}"));
    }

    [Fact]
    public void TypeOf_RowsOfNoBlocks_IsF16() =>
        Assert.Equal(TensorType.F16, new WeightMix(WeightType.Q8_0, S64).TypeOf(new TensorEntry(TensorNames.Query(0), TensorType.F32, [4, 40], "f", 0, 640)));

    [Fact]
    public void TypeOf_Norm_Stays() =>
        Assert.Equal(TensorType.BF16, new WeightMix(WeightType.Q8_0, S64).TypeOf(new TensorEntry(TensorNames.FinalNorm, TensorType.BF16, [64], "f", 0, 128)));

    private static void AssertTypes(
        Gemma2Config config, WeightType type, bool pure, string embedding, string query, string value, string output, string gate, string down)
    {
        WeightMix mix = new(type, config, pure);
        Dictionary<string, long[]> shapes = new(TensorCatalog.Shapes(config));
        string Types(params IEnumerable<string> names) =>
            string.Join(' ', names.Select(name => mix.TypeOf(new TensorEntry(name, TensorType.F32, shapes[name], "f", 0, 0))));
        string Layers(Func<int, string> name) => Types(Enumerable.Range(0, config.LayerCount).Select(name));
        string All(string types) => types.Contains(' ') ? types : string.Join(' ', Enumerable.Repeat(types, config.LayerCount));

        Assert.Equal(embedding, Types(TensorNames.Embedding));
        Assert.Equal(All(query), Layers(TensorNames.Query));
        Assert.Equal(All(query), Layers(TensorNames.Key));
        Assert.Equal(All(value), Layers(TensorNames.Value));
        Assert.Equal(All(output), Layers(TensorNames.AttentionOutput));
        Assert.Equal(All(gate), Layers(TensorNames.Gate));
        Assert.Equal(All(gate), Layers(TensorNames.Up));
        Assert.Equal(All(down), Layers(TensorNames.Down));
    }
}
