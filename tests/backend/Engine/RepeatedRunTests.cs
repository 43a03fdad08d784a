using System.Runtime.InteropServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The same work gives the same bits every time, and the validation layer sees nothing wrong: a missing barrier would show here.</summary>
public sealed class RepeatedRunTests : EngineTest
{
    private const int Runs = 50;

    [Fact]
    public async Task NanoModel_FiftyRuns_AreBitIdentical()
    {
        await using InferenceEngine engine = await LoadAsync(NanoModel.Folder, new EngineOptions { MaxSequences = 2, ContextLength = 512, Validation = true });
        await AssertRepeatsAsync(engine, promptLength: 70, tokens: 8);
    }

    [Fact]
    public async Task LayersOfRealWidth_FiftyRuns_AreBitIdentical()
    {
        MemoryModelSource source = SyntheticModel.Create(SyntheticModel.TwoWideLayers);
        var options = new EngineOptions { MaxSequences = 2, ContextLength = 64, Validation = true };
        await using InferenceEngine engine = await LoadAsync(source, options);
        await AssertRepeatsAsync(engine, promptLength: 10, tokens: 3);
    }

    private static async Task AssertRepeatsAsync(InferenceEngine engine, int promptLength, int tokens)
    {
        int[] prompt = [2, .. Enumerable.Range(1, promptLength - 1).Select(i => 7 + (i * 31 % 600))];
        var request = new GenerationRequest
        {
            PromptTokens = prompt,
            MaxTokens = tokens,
            IgnoreEndTokens = true,
            Sampling = new SamplingOptions { Temperature = 2, Seed = 5 },
        };
        List<int> ids = await GenerateAsync(engine, request);
        float[] logits = await engine.ComputeLogitsAsync([.. prompt, .. ids], Cancellation);
        Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));

        for (int run = 0; run < Runs; run += 2)
        {
            // Two at a time, so that decoding passes have one row now and two then.
            Task<List<int>> first = GenerateAsync(engine, request), second = GenerateAsync(engine, request);
            Assert.Equal(ids, await first);
            Assert.Equal(ids, await second);
            if (run % 10 != 0) continue;
            float[] again = await engine.ComputeLogitsAsync([.. prompt, .. ids], Cancellation);
            Assert.True(MemoryMarshal.AsBytes<float>(logits).SequenceEqual(MemoryMarshal.AsBytes<float>(again)), $"run {run} differs");
        }
        Assert.Empty(engine.ValidationReports);
    }
}
