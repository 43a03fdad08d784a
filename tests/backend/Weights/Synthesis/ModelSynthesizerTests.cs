using System.Security.Cryptography;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Synthesis;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Quantization;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Weights.Synthesis;

public sealed class ModelSynthesizerTests
{
    public static TheoryData<WeightType> AllTypes => [.. Enum.GetValues<WeightType>()];

    [Theory, MemberData(nameof(AllTypes))]
    public async Task Write_EveryType_LoadsWithTheWantedConfigurationAndTypes(WeightType type)
    {
        await using OpenModel model = await OpenAsync(Synthesize(type, seed: 1));
        Gemma2Config config = model.Config;
        Assert.Equal(Gemma2Shapes.Tiny with { EndTokens = [], Layers = [], RmsNormEpsilon = 0 }, config with { EndTokens = [], Layers = [], RmsNormEpsilon = 0 });
        Assert.Equal(Gemma2Shapes.Tiny.Layers, config.Layers);
        Assert.Equal([1, 107], config.EndTokens);
        Assert.Equal(1e-6, config.RmsNormEpsilon, 1e-12);

        WeightMix mix = new(type, config);
        Assert.Equal(TensorCatalog.Shapes(config).Select(tensor => tensor.Key), model.Tensors.Select(tensor => tensor.Name));
        Assert.All(model.Tensors, tensor => Assert.Equal(mix.TypeOf(tensor), tensor.Type));
        Assert.All(model.Tensors, tensor => Assert.Equal(tensor.Shape.Count == 1, tensor.HoldsFactor));
    }

    [Theory, MemberData(nameof(AllTypes))]
    public async Task Write_EveryType_MakesNumbersOfMeanZeroAndTheWantedDeviation(WeightType type)
    {
        await using OpenModel model = await OpenAsync(Synthesize(type, seed: 2));
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: TestContext.Current.CancellationToken);
        foreach (TensorEntry tensor in model.Tensors)
        {
            float[] values = new float[tensor.Shape.Aggregate(1L, (product, size) => product * size)];
            BlockCodec.Dequantize(tensor.Type, sink.Bytes(tensor.Name), values);
            double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => Math.Pow(value - mean, 2)));
            bool isNorm = tensor.Shape.Count == 1;
            double gain = tensor.Name == TensorNames.Embedding ? 4 : tensor.Name.Contains("q_proj") || tensor.Name.Contains("k_proj") ? 2 : 1;
            double wanted = isNorm ? 0.2 : gain / Math.Sqrt(tensor.Shape[1]);
            Assert.InRange(deviation / wanted, isNorm ? 0.8 : 0.95, isNorm ? 1.2 : 1.05);
            Assert.InRange(mean - (isNorm ? 1 : 0), -0.25 * wanted, 0.25 * wanted);
        }
    }

    [Theory]
    [InlineData(WeightType.Q4_K_M, "99E67D6812C3D960")]
    [InlineData(WeightType.F16, "68D83AABCD7B500A")]
    public void Write_TheSameSeed_GivesTheSameBytesEverywhere(WeightType type, string hash)
    {
        byte[] file = Synthesize(type, seed: 3);
        Assert.NotEqual(file, Synthesize(type, seed: 4));
        Assert.Equal(hash, Convert.ToHexString(SHA256.HashData(file))[..16]);
    }

    [Fact]
    public async Task Write_Vocabulary_EncodesAnyTextAndTurns()
    {
        await using OpenModel model = await OpenAsync(Synthesize(WeightType.Q4_0, seed: 0));
        GemmaTokenizer tokenizer = Assert.IsType<GemmaTokenizer>(model.Tokenizer);
        Assert.Equal((1024, 0, 1, 2, 3, 106, 107), (tokenizer.VocabularySize, tokenizer.Pad, tokenizer.Eos, tokenizer.Bos, tokenizer.Unknown, tokenizer.StartOfTurn, tokenizer.EndOfTurn));
        foreach (string text in (string[])["", "the cat  sat", "Zürich 🙂\n\n\tA_b", "<unused3> <h1>", new string('x', 1000)])
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.True(tokenizer.Encode("some words of text").Length <= 10);
        Assert.Equal([2, 106], model.Description.ChatTemplate!.Encode([new ChatMessage("user", "hello")])[..2]);
    }

    [Fact]
    public void Write_Cancelled_Stops()
    {
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            ModelSynthesizer.Write("m", Gemma2Shapes.Tiny, WeightType.Q8_0, 0, new MemoryStream(), cancellationToken: cancelled.Token));
    }

    private static byte[] Synthesize(WeightType type, ulong seed)
    {
        using MemoryStream file = new();
        ModelSynthesizer.Write("synthetic", Gemma2Shapes.Tiny, type, seed, file, cancellationToken: TestContext.Current.CancellationToken);
        return file.ToArray();
    }

    private static Task<OpenModel> OpenAsync(byte[] file) =>
        ModelReader.OpenAsync(new MemoryModelSource(("model.gguf", file)), TestContext.Current.CancellationToken);
}
