using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The engine against what Google's own code computes from the same weights.</summary>
public sealed class GoldenEngineTests(ITestOutputHelper output) : EngineTest
{
    public static TheoryData<string> Models => GoldenModels.All;

    [Theory]
    [MemberData(nameof(Models))]
    public Task ComputeLogits_Float32Cache_WithinFloat32Tolerance(string name) =>
        CheckLogitsAsync(GoldenModels.Open(name), KvCacheType.Auto, model => model.Float32Tolerance);

    [Theory]
    [MemberData(nameof(Models))]
    public Task ComputeLogits_Float16Cache_WithinThreeTimesItsMeasuredError(string name) =>
        CheckLogitsAsync(GoldenModels.Open(name), KvCacheType.F16, model => model.Float16CacheTolerance);

    [Theory]
    [MemberData(nameof(Models))]
    public async Task ComputeLogits_EveryPrefix_WithinFloat32Tolerance(string name)
    {
        GoldenModel model = GoldenModels.Open(name);
        await using InferenceEngine engine = await LoadGoldenAsync(name);

        foreach (GoldenPrompt prompt in model.Prompts.Where(p => p.FullLogits is not null))
        {
            float[][] rows = [.. model.Tensor(prompt.FullLogits!).Chunk(engine.Config.VocabularySize)];
            for (int length = 1; length <= prompt.Ids.Length; length++)
            {
                float[] logits = await engine.ComputeLogitsAsync(prompt.Ids[..length], Cancellation);
                float error = LargestDifference(rows[length - 1], logits);
                Assert.True(error <= model.Float32Tolerance, $"{prompt.Name}, first {length}: error {error}, allowed {model.Float32Tolerance}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Generate_Greedy_GivesTheGoldenPath(string name)
    {
        GoldenModel model = GoldenModels.Open(name);
        await using InferenceEngine engine = await LoadGoldenAsync(name);

        foreach (GoldenPrompt prompt in model.Prompts)
        {
            List<int> ids = await GenerateAsync(engine, new GenerationRequest
            {
                PromptTokens = prompt.Ids,
                MaxTokens = prompt.Greedy.Ids.Length,
                IgnoreEndTokens = prompt.Greedy.StopTokensIgnored,
                Sampling = new SamplingOptions { Temperature = 0 },
            });
            Assert.Equal(prompt.Greedy.Ids, ids);
        }
    }

    [Theory]
    [InlineData("c-mha-sharded")]
    [InlineData("d-mqa-f16")]
    public async Task ComputeLogits_WeightsThroughStagingWithValidation_SameAnswerAndNothingReported(string name)
    {
        GoldenModel model = GoldenModels.Open(name);
        var options = new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1, Validation = true, HideDeviceMemory = true };
        await using InferenceEngine engine = await LoadAsync(model.Folder, options);

        float largest = await LargestErrorAsync(engine, model);

        Assert.True(largest <= model.Float32Tolerance, $"largest error {largest}, allowed {model.Float32Tolerance}");
        Assert.Empty(engine.ValidationReports);
    }

    private async Task CheckLogitsAsync(GoldenModel model, KvCacheType cache, Func<GoldenModel, float> tolerance)
    {
        await using InferenceEngine engine = await LoadAsync(model.Folder, new EngineOptions { KvCacheType = cache, MaxSequences = 1 });

        float largest = await LargestErrorAsync(engine, model);

        output.WriteLine($"{Path.GetFileName(model.Folder)}, {cache} cache: largest error {largest:E2}, allowed {tolerance(model)}");
        Assert.True(largest <= tolerance(model), $"largest error {largest}, allowed {tolerance(model)}");
    }

    private static async Task<float> LargestErrorAsync(InferenceEngine engine, GoldenModel model)
    {
        float largest = 0;
        foreach (GoldenPrompt prompt in model.Prompts)
        {
            float[] logits = await engine.ComputeLogitsAsync(prompt.Ids, Cancellation);
            largest = Math.Max(largest, LargestDifference(model.Tensor(prompt.LastLogits), logits));
        }
        return largest;
    }
}
