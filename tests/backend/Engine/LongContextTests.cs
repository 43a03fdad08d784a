using System.Text.Json.Nodes;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Prompts far longer than the golden ones, where rings have wrapped many times and positions are large.</summary>
public sealed class LongContextTests(ITestOutputHelper output) : EngineTest
{
    [Fact]
    public async Task ReferenceModel_GoldenPrompts_AgreesWithTheOfficialCodeInDouble()
    {
        GoldenModel golden = GoldenModels.Open("a-base");
        ReferenceModel reference = await ReferenceModel.LoadAsync(golden.Folder, Cancellation);

        foreach (GoldenPrompt prompt in golden.Prompts)
        {
            float[] logits = Array.ConvertAll(reference.LastLogits(prompt.Ids), v => (float)v);
            Assert.InRange(LargestDifference(golden.Tensor(prompt.LastLogits), logits), 0, 1e-4f);
        }
    }

    [Fact]
    public async Task Generate_FromBelowTheWindowToPastIt_EqualsPromptsOfThoseTokens()
    {
        const int window = 4096;
        using var model = new ChangedModel("a-base");
        model.SetConfig("sliding_window", window);
        model.SetConfig("max_position_embeddings", 8192);
        int[] prompt = [2, .. Enumerable.Range(1, window - 4).Select(i => 7 + (int)(i * 2654435761L % 500))];
        await using InferenceEngine engine = await LoadAsync(model.Path, new EngineOptions { MaxSequences = 1 });
        var request = new GenerationRequest { PromptTokens = prompt, MaxTokens = 8, IgnoreEndTokens = true, Sampling = new SamplingOptions { Temperature = 0 } };

        List<int> ids = await GenerateAsync(engine, request);

        for (int length = 0; length < ids.Count; length++)
        {
            float[] logits = await engine.ComputeLogitsAsync([.. prompt, .. ids[..length]], Cancellation);
            Assert.Equal(ids[length], Array.IndexOf(logits, logits.Max()));
        }
    }

    [Theory]
    [InlineData(8, 1000)]
    [InlineData(4096, 4200)]
    public async Task ComputeLogits_LongPrompt_MatchesTheDoubleReference(int window, int length)
    {
        using var model = new ChangedModel("a-base");
        model.SetConfig("sliding_window", window);
        model.SetConfig("max_position_embeddings", 8192);
        await AssertMatchesAsync(model, length);
    }

    [Fact]
    public async Task ComputeLogits_LayersThatTheFileListsInAnotherOrder_MatchTheDoubleReference()
    {
        using var model = new ChangedModel("a-base");
        model.SetConfig("sliding_window", 8);
        model.SetConfig("layer_types", new JsonArray("full_attention", "sliding_attention", "sliding_attention", "full_attention"));
        await AssertMatchesAsync(model, 100);
    }

    private async Task AssertMatchesAsync(ChangedModel model, int length)
    {
        GoldenModel golden = GoldenModels.Open("a-base");
        int[] prompt = [2, .. Enumerable.Range(1, length - 1).Select(i => 7 + (int)(i * 2654435761L % 500))];
        ReferenceModel reference = await ReferenceModel.LoadAsync(model.Path, Cancellation);
        await using InferenceEngine engine = await LoadAsync(model.Path, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1 });

        float[] expected = Array.ConvertAll(reference.LastLogits(prompt), v => (float)v);
        float[] logits = await engine.ComputeLogitsAsync(prompt, Cancellation);

        float error = LargestDifference(expected, logits);

        output.WriteLine($"{length} tokens: largest error {error:E2}");
        Assert.True(error <= golden.Float32Tolerance, $"error {error}, allowed {golden.Float32Tolerance}");
    }
}
