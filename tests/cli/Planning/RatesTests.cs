using CsCheck;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors;
using Gemma2.Cli.Planning;
using Gemma2.Cli.Planning.Rates;

namespace Gemma2.Cli.Tests.Planning;

public sealed class RatesTests
{
    // As the published models' safetensors headers count them.
    [Theory]
    [InlineData("2b", 2_614_341_888)]
    [InlineData("9b", 9_241_705_984)]
    [InlineData("27b", 27_227_128_320)]
    public void Parameters_PublishedModel_AreAsPublished(string name, long parameters) => Assert.Equal(parameters, Shape(name).Parameters);

    [Theory]
    [InlineData("2b")]
    [InlineData("9b")]
    [InlineData("27b")]
    public void WeightBytes_BF16_AreWhatTheEngineAllocates(string name)
    {
        ModelShape shape = Shape(name);
        MemoryEstimate estimate = MemoryEstimate.Of(shape.Config, Tensors(shape.Config), 8192, KvCacheType.F16);
        Assert.Equal(estimate.WeightBytes, shape.WeightBytes(Format("bf16")));
        Assert.Equal(MemoryEstimate.BytesRead(shape.Config, 8192, KvCacheType.F16), shape.CacheBytes(8192, KvCacheType.F16));
    }

    [Theory]
    [InlineData("f32", 32)]
    [InlineData("f16", 16)]
    [InlineData("q8_0", 8.5)]
    [InlineData("q6_k", 6.5625)]
    [InlineData("q4_k", 4.5)]
    [InlineData("q4_0", 4.5)]
    public void BitsPerNumber_Format_IsAsGgmlHasIt(string format, double bits) => Assert.Equal(bits, Format(format).BitsPerNumber);

    [Fact]
    public void DecodeRate_OneSequence_IsBandwidthOverBytes()
    {
        Roofline bound = Bound("9b", "q4_k", "t4");
        double bytes = Shape("9b").WeightBytes(Format("q4_k")) + Shape("9b").CacheBytes(500, KvCacheType.F16);
        Assert.Equal(320e9 / bytes, bound.DecodeRate(1, 500), 6);
        Assert.Equal(bound.DecodeRate(1, 500) / 4, (bound with { Efficiency = 0.25 }).DecodeRate(1, 500), 6);
    }

    [Fact]
    public void Table_MoreSequences_AreFasterTogetherUntilArithmeticEndsIt()
    {
        RateTable table = Bound("2b", "f16", "t4").Table(256, 400, 450);
        double[] rates = [.. table.Points.Select(point => point.DecodeTokensPerSecond)];
        Assert.Equal(rates.Order(), rates);
        Assert.All(rates, rate => Assert.InRange(rate, rates[0], 65e12 / (2.0 * (Shape("2b").LayerParameters + Shape("2b").EmbeddingParameters)) * 1.000001));
        Assert.All(table.Points, point => Assert.Equal(65e12 / (2.0 * Shape("2b").LayerParameters), point.PromptTokensPerSecond, 6));
    }

    [Fact]
    public void PromptRate_ShortPrompt_WaitsForTheWeights()
    {
        Roofline bound = Bound("27b", "bf16", "a100");
        Assert.Equal(1935e9 / Shape("27b").WeightBytes(Format("bf16")), bound.PromptRate(1), 6);
    }

    [Fact]
    public void At_BetweenAndPastThePoints_IsInterpolatedThenFlat()
    {
        var table = new RateTable([new RatePoint(1, 100, 10), new RatePoint(5, 130, 40), new RatePoint(9, 130, 50)]);
        Assert.Equal(new RatePoint(1, 100, 10), table.At(1));
        Assert.Equal(new RatePoint(3, 115, 25), table.At(3));
        Assert.Equal(new RatePoint(5, 130, 40), table.At(5));
        Assert.Equal(new RatePoint(7, 130, 45), table.At(7));
        Assert.Equal(new RatePoint(32, 130, 50), table.At(32));
    }

    [Fact]
    public void Parse_MeasuredRates_AreReadAndOtherKeysLeftAlone()
    {
        RatesFile file = RatesFile.Parse("""
            {"device": "Tesla T4", "kind": "measured", "cold_start_seconds": 41.5, "load_seconds": 3, "rates": [
              {"sequences": 1, "prompt_tokens_per_second": 900, "decode_tokens_per_second": 20.5, "time_to_first_token": 0.1},
              {"sequences": 8, "prompt_tokens_per_second": 950, "decode_tokens_per_second": 120}]}
            """, "rates.json");
        Assert.Equal(("Tesla T4", true, 41.5), (file.Device, file.IsMeasured, file.ColdStartSeconds));
        Assert.Equal([new RatePoint(1, 900, 20.5), new RatePoint(8, 950, 120)], file.Table.Points);
    }

    [Theory]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    [InlineData("{}", "device is missing")]
    [InlineData("""{"device": "T4"}""", "kind is missing")]
    [InlineData("""{"device": "T4", "kind": "guessed", "rates": []}""", "\"guessed\"", "measured")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": []}""", "rates")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": [1]}""", "rates")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": [{"sequences": 1}]}""", "prompt_tokens_per_second is missing")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": [{"sequences": 1.5}]}""", "sequences is 1.5", "whole")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": [{"sequences": 1, "prompt_tokens_per_second": 0, "decode_tokens_per_second": 1}]}""", "prompt_tokens_per_second is 0")]
    [InlineData("""{"device": "T4", "kind": "assumed", "rates": [{"sequences": 2, "prompt_tokens_per_second": 1, "decode_tokens_per_second": 1}]}""", "sequences is 1 in the first")]
    [InlineData("""{"device": "T4", "kind": "assumed", "cold_start_seconds": -1, "rates": [{"sequences": 1, "prompt_tokens_per_second": 1, "decode_tokens_per_second": 1}]}""", "cold_start_seconds is -1")]
    [InlineData("""{"device": "T4", "device": "A100"}""", "JSON")]
    public void Parse_BadRates_AreRefusedByName(string json, params string[] mentions)
    {
        PlanException error = Assert.Throws<PlanException>(() => RatesFile.Parse(json, "rates.json"));
        foreach (string mention in mentions.Append("rates.json")) Assert.Contains(mention, error.Message);
    }

    [Fact]
    public void Parse_DamagedRates_AreReadOrRefused()
    {
        const string whole = """{"device":"T4","kind":"measured","cold_start_seconds":4,"rates":[{"sequences":1,"prompt_tokens_per_second":9,"decode_tokens_per_second":2}]}""";
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 8], Gen.String[Gen.Char["{}[]\",:01289edD-\\u\u0000 \u00e9"], 0, 6]).Sample((at, drop, insert) =>
        {
            string damaged = string.Concat(whole.AsSpan(0, at), insert, whole.AsSpan(Math.Min(whole.Length, at + drop)));
            try
            {
                Assert.NotEmpty(RatesFile.Parse(damaged, "f").Table.Points);
            }
            catch (PlanException)
            {
                // Refused with a reason.
            }
        });
    }

    private static ModelShape Shape(string name) => ModelShape.All.Single(shape => shape.Name == name);

    private static WeightFormat Format(string name) => WeightFormat.All.Single(format => format.Name == name);

    private static Roofline Bound(string model, string format, string gpu) =>
        new(Gpu.All.Single(one => one.Name == gpu), Shape(model), Format(format), KvCacheType.F16, 1);

    private static IEnumerable<TensorEntry> Tensors(Gemma2Config config)
    {
        long hidden = config.HiddenSize, intermediate = config.IntermediateSize;
        long queries = (long)config.HeadCount * config.HeadDimension, keys = (long)config.KeyValueHeadCount * config.HeadDimension;
        yield return Entry(TensorNames.Embedding, config.VocabularySize, hidden);
        yield return Entry(TensorNames.FinalNorm, hidden);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            yield return Entry(TensorNames.Query(layer), queries, hidden);
            yield return Entry(TensorNames.Key(layer), keys, hidden);
            yield return Entry(TensorNames.Value(layer), keys, hidden);
            yield return Entry(TensorNames.AttentionOutput(layer), hidden, queries);
            yield return Entry(TensorNames.Gate(layer), intermediate, hidden);
            yield return Entry(TensorNames.Up(layer), intermediate, hidden);
            yield return Entry(TensorNames.Down(layer), hidden, intermediate);
            yield return Entry(TensorNames.InputNorm(layer), hidden);
            yield return Entry(TensorNames.PostAttentionNorm(layer), hidden);
            yield return Entry(TensorNames.PreFeedForwardNorm(layer), hidden);
            yield return Entry(TensorNames.PostFeedForwardNorm(layer), hidden);
        }
    }

    private static TensorEntry Entry(string name, params long[] shape) => new(name, TensorType.BF16, shape, "model.safetensors", 0, 0);
}
