using System.Runtime.InteropServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

public sealed class InferenceEngineTests : EngineTest
{
    private static readonly GenerationRequest _request = new()
    {
        PromptTokens = [2, 17, 300, 45],
        MaxTokens = 20,
        IgnoreEndTokens = true,
        Sampling = new SamplingOptions { Temperature = 1, Seed = 99 },
    };

    [Fact]
    public async Task ComputeLogits_PromptOfManyChunks_EqualsTokenByToken()
    {
        // 600 tokens are three chunks, many windows and, in sliding layers, more than once round the ring.
        using var model = new ChangedModel("a-base");
        model.SetConfig("max_position_embeddings", 1024);
        await using InferenceEngine engine = await LoadAsync(model.Path, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1 });
        int[] prompt = [2, .. Enumerable.Range(0, 599).Select(i => 7 + (i * 37 % 500))];
        List<int> ids = await GenerateAsync(engine, _request with { PromptTokens = prompt, Sampling = new SamplingOptions { Temperature = 0 } });

        // The last token of every prefix of the answer, computed from scratch in chunks, is what decoding gave.
        for (int length = 0; length < ids.Count; length++)
        {
            float[] logits = await engine.ComputeLogitsAsync([.. prompt, .. ids[..length]], Cancellation);
            Assert.Equal(ids[length], Array.IndexOf(logits, logits.Max()));
        }
    }

    [Fact]
    public async Task ComputeLogits_Repeated_IsBitIdentical()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("b-gqa-hd32", KvCacheType.F16);
        int[] prompt = [2, .. Enumerable.Range(0, 99).Select(i => 7 + (i * 31 % 700))];
        float[] first = await engine.ComputeLogitsAsync(prompt, Cancellation);

        for (int run = 0; run < 50; run++)
        {
            float[] again = await engine.ComputeLogitsAsync(prompt, Cancellation);
            Assert.True(MemoryMarshal.AsBytes<float>(first).SequenceEqual(MemoryMarshal.AsBytes<float>(again)), $"run {run} differs");
        }
    }

    [Fact]
    public async Task Generate_AmongOthers_GivesTheSameTokensAsAlone()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base", KvCacheType.F16, maxSequences: 3);
        GenerationRequest[] requests =
        [
            .. Enumerable.Range(0, 12).Select(i => _request with
            {
                PromptTokens = [2, .. Enumerable.Range(0, 1 + (i * 13)).Select(j => 7 + ((i + j) * 11 % 500))],
                Sampling = new SamplingOptions { Temperature = 1.2, TopK = 50, TopP = 0.95, Seed = (ulong)i },
            }),
        ];
        var alone = new List<List<int>>();
        foreach (GenerationRequest request in requests) alone.Add(await GenerateAsync(engine, request));

        List<int>[] together = await Task.WhenAll(requests.Select(request => GenerateAsync(engine, request)));

        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task Generate_OtherSeed_GivesOtherTokens()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");

        List<int> first = await GenerateAsync(engine, _request with { Sampling = new SamplingOptions { Temperature = 2, Seed = 1 } });
        List<int> second = await GenerateAsync(engine, _request with { Sampling = new SamplingOptions { Temperature = 2, Seed = 2 } });

        Assert.NotEqual(first, second);
    }

    [Fact]
    public async Task Generate_ToTheEndOfTheContext_FinishesWithLength()
    {
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, new EngineOptions { ContextLength = 21 });
        var tokens = new List<GeneratedToken>();

        await foreach (GeneratedToken token in engine.GenerateAsync(_request with { MaxTokens = null }, Cancellation)) tokens.Add(token);

        Assert.Equal(21 - _request.PromptTokens.Count, tokens.Count);
        Assert.Equal(FinishReason.Length, tokens[^1].Finish);
        Assert.All(tokens[..^1], token => Assert.Null(token.Finish));
    }

    [Fact]
    public async Task Generate_Cancelled_StopsAndLetsTheNextIn()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        using var cancel = new CancellationTokenSource();
        int count = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken token in engine.GenerateAsync(_request with { MaxTokens = null }, cancel.Token))
                if (++count == 3) await cancel.CancelAsync();
        });

        Assert.Equal(3, count);
        Assert.Equal(20, (await GenerateAsync(engine, _request)).Count);
    }

    [Fact]
    public async Task Generate_CancelledWhileWaiting_NeverRuns()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        await using IAsyncEnumerator<GeneratedToken> running = engine.GenerateAsync(_request with { MaxTokens = null }, Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await running.MoveNextAsync());
        using var cancel = new CancellationTokenSource();
        ValueTask<bool> waiting = engine.GenerateAsync(_request, cancel.Token).GetAsyncEnumerator(Cancellation).MoveNextAsync();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await waiting);
        Assert.True(await running.MoveNextAsync());
    }

    [Fact]
    public async Task Dispose_WhileGenerating_EndsTheGeneration()
    {
        InferenceEngine engine = await LoadGoldenAsync("a-base");
        await using IAsyncEnumerator<GeneratedToken> running = engine.GenerateAsync(_request with { MaxTokens = null }, Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await running.MoveNextAsync());

        await engine.DisposeAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (await running.MoveNextAsync()) { }
        });
        Assert.Throws<ObjectDisposedException>(() => engine.GenerateAsync(_request, Cancellation).ToBlockingEnumerable(Cancellation).Count());
    }

    [Fact]
    public async Task Generate_NotFiniteLogits_FailsThatSequenceOnly()
    {
        // Token 7 overflows as an input; as an output its logit only reaches the cap.
        using var folder = new ChangedModel("a-base");
        folder.SetEmbedding(token: 7, column: 0, 3.3e38f);
        await using InferenceEngine engine = await LoadAsync(folder.Path, new EngineOptions { MaxSequences = 2 });

        await Assert.ThrowsAsync<GenerationException>(() => GenerateAsync(engine, _request with { PromptTokens = [2, 7, 9] }));

        Assert.All(await engine.ComputeLogitsAsync([2, 9, 8], Cancellation), logit => Assert.True(float.IsFinite(logit)));
    }

    [Theory]
    [InlineData(new int[0], 5, "prompt")]
    [InlineData(new[] { 2, 512 }, 5, "prompt")]
    [InlineData(new[] { 2, -1 }, 5, "prompt")]
    [InlineData(new[] { 2 }, 0, "max_tokens")]
    [InlineData(new[] { 2 }, -7, "max_tokens")]
    public async Task Generate_BadRequest_NamesTheField(int[] prompt, int maxTokens, string parameter)
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");

        var error = Assert.Throws<InvalidRequestException>(
            () => engine.GenerateAsync(_request with { PromptTokens = prompt, MaxTokens = maxTokens }, Cancellation));

        Assert.Equal(parameter, error.Parameter);
    }

    [Fact]
    public async Task Generate_PromptAsLongAsTheContext_IsRefused()
    {
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, new EngineOptions { ContextLength = 30 });

        Assert.Throws<InvalidRequestException>(() => engine.GenerateAsync(_request with { PromptTokens = [.. Enumerable.Repeat(9, 30)] }, Cancellation));
        Assert.Throws<InvalidRequestException>(() => engine.GenerateAsync(_request with { PromptTokens = [.. Enumerable.Repeat(9, 31)] }, Cancellation));
        Assert.Single(await GenerateAsync(engine, _request with { PromptTokens = [.. Enumerable.Repeat(9, 29)] }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(257)]
    public async Task Load_ContextOutsideWhatTheModelAllows_IsRefused(int contextLength) => await Assert.ThrowsAsync<InvalidRequestException>(
        () => InferenceEngine.LoadAsync(new FolderModelSource(GoldenModels.Open("a-base").Folder), new EngineOptions { ContextLength = contextLength }, cancellationToken: Cancellation));

    [Theory]
    [InlineData(2)]
    [InlineData(256)]
    public async Task WarmUp_AnyContext_LeavesNoTrace(int contextLength)
    {
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, new EngineOptions { ContextLength = contextLength, MaxSequences = 1 });
        float[] before = await engine.ComputeLogitsAsync([2], Cancellation);

        await engine.WarmUpAsync(Cancellation);

        Assert.Equal(before, await engine.ComputeLogitsAsync([2], Cancellation));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("generic")]
    [InlineData("tiled")]
    public async Task WarmUp_AnyLengthAndNumberOfSequences_LeavesNothingToCompile(string? family)
    {
        var options = new EngineOptions { MaxSequences = 8, Kernels = KernelOptions.TryParse(family ?? "") ?? KernelOptions.Default };
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, options);
        await engine.WarmUpAsync(Cancellation);
        int pipelines = engine.PipelineCount;

        foreach (int length in (int[])[1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 65, 129, 200])
            await engine.ComputeLogitsAsync([.. Enumerable.Repeat(2, length)], Cancellation);
        for (int sequences = 1; sequences <= options.MaxSequences; sequences++)
        {
            GenerationRequest request = _request with { MaxTokens = 8, IgnoreEndTokens = true };
            await Task.WhenAll(Enumerable.Range(0, sequences).Select(_ => GenerateAsync(engine, request)));
        }

        Assert.Equal(pipelines, engine.PipelineCount);
    }

    [Fact]
    public async Task Generate_StopTokens_EndTheAnswer()
    {
        await using InferenceEngine engine = await LoadGoldenAsync("a-base");
        List<int> ids = await GenerateAsync(engine, _request);
        int stop = ids[7], first = ids.IndexOf(stop);

        var tokens = new List<GeneratedToken>();
        await foreach (GeneratedToken token in engine.GenerateAsync(_request with { StopTokens = [3, stop] }, Cancellation)) tokens.Add(token);

        Assert.Equal(ids[..(first + 1)], tokens.Select(token => token.Id));
        Assert.Equal(FinishReason.Stop, tokens[^1].Finish);
        Assert.DoesNotContain(stop, (await GenerateAsync(engine, _request with { StopTokens = [stop], Sampling = _request.Sampling with { MinTokens = 20 } }))[..19]);
        Assert.Equal("stop_token_ids", Assert.Throws<InvalidRequestException>(() => engine.GenerateAsync(_request with { StopTokens = [1 << 20] }, Cancellation)).Parameter);
    }

    [Fact]
    public async Task Load_TokenizerOfALargerVocabulary_IsRefused()
    {
        using var model = new ChangedModel("a-base");
        model.Add(Path.Combine(GoldenModels.Root, "tokenizer", "small.model"), "tokenizer.model");

        var error = await Assert.ThrowsAsync<ModelException>(
            () => InferenceEngine.LoadAsync(new FolderModelSource(model.Path), new EngineOptions(), cancellationToken: Cancellation));

        Assert.Contains("tokenizer.model has 700 pieces", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_UnknownDevice_NamesWhatThereIs()
    {
        var error = await Assert.ThrowsAsync<DeviceException>(
            () => LoadAsync(GoldenModels.Open("a-base").Folder, new EngineOptions { Device = "no such card" }));

        Assert.Contains("no such card", error.Message, StringComparison.Ordinal);
    }
}
