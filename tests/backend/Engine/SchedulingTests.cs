using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Sequences beside each other: each gets the answer that it gets alone, and none waits for another's end.</summary>
public sealed class SchedulingTests : EngineTest
{
    [Theory]
    [InlineData(8)]
    [InlineData(3)]
    [InlineData(11)]
    public async Task Generate_BesideOthersThatComeAndGo_GivesTheSameTokensAsAlone(int maxSequences)
    {
        await using InferenceEngine engine = await LoadAsync(
            GoldenModels.Open("a-base").Folder, new EngineOptions { MaxSequences = maxSequences, Validation = true });
        GenerationRequest[] requests = [.. Enumerable.Range(0, 16).Select(Request)];
        var alone = new List<List<int>>();
        foreach (GenerationRequest request in requests) alone.Add(await GenerateAsync(engine, request));

        // Some begin later, and others beside them are cancelled after a few tokens.
        Task<List<int>>[] together = [.. requests.Select((request, i) => GenerateLaterAsync(engine, request, milliseconds: i % 4 * 15))];
        Task[] cancelled = [.. Enumerable.Range(0, 8).Select(i => CancelAsync(engine, Request(i + 3) with { MaxTokens = null }, afterTokens: 1 + (i * 2)))];
        await Task.WhenAll(cancelled);

        Assert.Equal(alone, await Task.WhenAll(together));
        Assert.Empty(engine.ValidationReports);
    }

    [Theory]
    [InlineData(1.0, 0, 1.0)]
    [InlineData(2.0, 0, 1.0)]
    [InlineData(2.0, 300, 1.0)]
    [InlineData(2.0, 0, 0.97)]
    [InlineData(1.2, 40, 0.9)]
    public async Task Generate_AnyOptions_GivesTheDefinitionsTokens(double temperature, int topK, double topP)
    {
        // A vocabulary of 512, flat: the 256 candidates decide often, but not always.
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        SamplingOptions options = new() { Temperature = temperature, TopK = topK, TopP = topP, Seed = 11 };
        int[] prompt = [2, 40, 41];

        List<int> ids = await GenerateAsync(engine, new GenerationRequest { PromptTokens = prompt, MaxTokens = 40, IgnoreEndTokens = true, Sampling = options });

        var sampler = new Sampler(engine.Config.VocabularySize);
        for (int i = 0; i < ids.Count; i++)
            Assert.Equal(sampler.Sample(await engine.ComputeLogitsAsync([.. prompt, .. ids[..i]], Cancellation), options, i), ids[i]);
    }

    [Fact]
    public async Task Generate_InTheCacheOfASequenceThatWasNotFinite_IsNotTouchedByIt()
    {
        using var folder = new ChangedModel("a-base");
        folder.SetEmbedding(token: 7, column: 0, 3.3e38f);
        await using InferenceEngine engine = await LoadAsync(folder.Path, new EngineOptions { MaxSequences = 1 });
        int[] prompt = [2, .. Enumerable.Range(8, 60)];
        float[] before = await engine.ComputeLogitsAsync(prompt, Cancellation);

        await Assert.ThrowsAsync<GenerationException>(() => GenerateAsync(engine, Request(0) with { PromptTokens = [2, .. Enumerable.Repeat(7, 100)] }));

        Assert.Equal(before, await engine.ComputeLogitsAsync(prompt, Cancellation));
    }

    private static GenerationRequest Request(int i) => new()
    {
        PromptTokens = [2, .. Enumerable.Range(0, 1 + (i * 13)).Select(j => 8 + ((i + j) * 11 % 500))],
        MaxTokens = 5 + (i * 7 % 30),
        IgnoreEndTokens = true,
        Sampling = new SamplingOptions { Temperature = i % 5 == 0 ? 0 : 1.2, TopK = i % 3 * 25, TopP = i % 2 == 0 ? 1 : 0.95, Seed = (ulong)i },
    };

    private static async Task<List<int>> GenerateLaterAsync(InferenceEngine engine, GenerationRequest request, int milliseconds)
    {
        await Task.Delay(milliseconds, Cancellation);
        return await GenerateAsync(engine, request);
    }

    private static async Task CancelAsync(InferenceEngine engine, GenerationRequest request, int afterTokens)
    {
        await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation))
            if (--afterTokens == 0) break;
    }
}
