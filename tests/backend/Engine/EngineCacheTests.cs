using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The KV cache that sequences share, and the line in which they wait for it.</summary>
public sealed class EngineCacheTests : EngineTest
{
    private static readonly string _model = GoldenModels.Open("a-base").Folder;

    [Fact]
    public async Task Generate_SameBeginning_IsFoundAndGivesTheSameTokens()
    {
        await using InferenceEngine engine = await LoadAsync(_model, new EngineOptions { MaxSequences = 4 });
        GenerationRequest request = Request(0, promptLength: 150, maxTokens: 25);
        (List<int> first, int firstCached) = await RunAsync(engine, request);

        (List<int> second, int secondCached) = await RunAsync(engine, request);
        (List<int> other, int otherCached) = await RunAsync(engine, request with { PromptTokens = [.. request.PromptTokens.Take(70), 9, 10, 11] });
        await using InferenceEngine cold = await LoadAsync(_model, new EngineOptions { MaxSequences = 4 });
        (List<int> otherAlone, _) = await RunAsync(cold, request with { PromptTokens = [.. request.PromptTokens.Take(70), 9, 10, 11] });

        Assert.Equal((0, 128, 64), (firstCached, secondCached, otherCached));
        Assert.Equal(first, second);
        Assert.Equal(otherAlone, other);
    }

    [Fact]
    public async Task Generate_CacheOfOneSequence_ServesManyThatGiveWayToEachOther()
    {
        long one = OneSequence(await SizeAsync(), 256);
        await using InferenceEngine small = await LoadAsync(_model, new EngineOptions { MaxSequences = 6, ContextLength = 256, KvCacheMemory = one });
        await using InferenceEngine large = await LoadAsync(_model, new EngineOptions { MaxSequences = 6, ContextLength = 256 });
        GenerationRequest[] requests = [.. Enumerable.Range(0, 6).Select(i => Request(i, promptLength: 40 + (i * 15), maxTokens: 60) with { Class = (RequestClass)(i % 2) })];

        List<int>[] answers = await Task.WhenAll(requests.Select(request => GenerateAsync(small, request)));

        Assert.Equal(await Task.WhenAll(requests.Select(request => GenerateAsync(large, request))), answers);
        Assert.True(small.CacheBytes <= one && large.CacheBytes > one);
    }

    [Fact]
    public async Task Load_CacheForLessThanOneSequence_IsRefusedInOneLine()
    {
        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => LoadAsync(_model, new EngineOptions { ContextLength = 256, KvCacheMemory = 1000 }));

        Assert.StartsWith("KvCacheMemory is 1000 bytes; a sequence of 256 tokens needs ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Generate_MoreThanMayWait_IsRefusedAtOnceAndOthersGoOn()
    {
        await using InferenceEngine engine = await LoadAsync(_model, new EngineOptions { MaxSequences = 1, MaxWaiting = 2 });
        GenerationRequest request = Request(1, promptLength: 20, maxTokens: 100);
        IAsyncEnumerator<GeneratedToken>[] taken = [.. Enumerable.Range(0, 3).Select(_ => engine.GenerateAsync(request with { MaxTokens = null }, Cancellation).GetAsyncEnumerator(Cancellation))];
        Task<bool>[] begun = [.. taken.Select(one => one.MoveNextAsync().AsTask())];

        Assert.Throws<BusyException>(() => engine.EnsureRoom(request));
        await Assert.ThrowsAsync<BusyException>(() => GenerateAsync(engine, request));
        engine.EnsureRoom(request with { Class = RequestClass.Batch });

        Assert.All(await Task.WhenAll(begun), Assert.True);
        foreach (IAsyncEnumerator<GeneratedToken> one in taken) await one.DisposeAsync();
        while (true)
        {
            try
            {
                // Those that were given up leave within a step.
                engine.EnsureRoom(request);
                break;
            }
            catch (BusyException)
            {
                await Task.Delay(5, Cancellation);
            }
        }
        Assert.Equal(100, (await GenerateAsync(engine, request)).Count);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public async Task Generate_TextThatRepeatsItself_GivesTheSameTokensWithAndWithoutDrafts(double temperature)
    {
        await using InferenceEngine engine = await LoadAsync(_model, new EngineOptions { MaxSequences = 2 });
        for (int i = 0; i < 8; i++)
        {
            GenerationRequest request = Request(i, promptLength: 30, maxTokens: 120) with
            {
                PromptTokens = [2, .. Enumerable.Range(0, 40).Select(j => 20 + (j % (3 + i)))],
                Sampling = new SamplingOptions { Temperature = temperature, TopK = 3, Seed = (ulong)i },
            };
            Assert.Equal(await GenerateAsync(engine, request with { Drafts = false }), await GenerateAsync(engine, request));
        }
        EngineStatistics statistics = engine.Statistics;
        Assert.True(statistics.DraftedTokens > 0);
        Assert.InRange(statistics.AcceptedTokens, 0, statistics.DraftedTokens);
    }

    private static async Task<(int SequenceBlocks, long BlockBytes)> SizeAsync()
    {
        using EngineResources resources = await LoadResourcesAsync(_model, new EngineOptions { MaxSequences = 1, ContextLength = 256 });
        return (resources.Cache.Blocks, resources.Cache.BlockBytes);
    }

    private static long OneSequence((int SequenceBlocks, long BlockBytes) size, int contextLength)
    {
        Assert.InRange(size.SequenceBlocks, contextLength / 32, 2 * contextLength / 32);
        return size.SequenceBlocks * size.BlockBytes;
    }

    private static GenerationRequest Request(int i, int promptLength, int maxTokens) => new()
    {
        PromptTokens = [2, .. Enumerable.Range(1, promptLength - 1).Select(j => 8 + ((i + j) * 11 % 500))],
        MaxTokens = maxTokens,
        IgnoreEndTokens = true,
        Sampling = new SamplingOptions { Temperature = 1.2, Seed = (ulong)i },
    };

    private static async Task<(List<int> Ids, int Cached)> RunAsync(InferenceEngine engine, GenerationRequest request)
    {
        (List<int> ids, int cached) = ([], 0);
        await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation))
        {
            ids.Add(token.Id);
            cached = token.CachedTokens;
        }
        return (ids, cached);
    }
}
