using Gemma2.Backend.Cache;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>
/// Sequences in random company: widths, chunk borders, preemptions, prefix hits, drafts and cancels must not change a bit of what each gets alone. GEMMA2_MIX_MINUTES makes it longer.
/// </summary>
public sealed class MixTests : EngineTest
{
    private const int Mixes = 15;
    private const int Slots = 24;

    [Theory]
    [InlineData(KernelFamily.Cpu, KvCacheType.F16)]
    [InlineData(KernelFamily.Cpu, KvCacheType.Q8_0)]
    [InlineData(KernelFamily.Generic, KvCacheType.F32)]
    [InlineData(KernelFamily.Tiled, KvCacheType.F16)]
    [InlineData(KernelFamily.Coopmat, KvCacheType.F16)]
    [InlineData(KernelFamily.Int8, KvCacheType.F16)]
    public async Task Run_RandomMixes_GivesEachSequenceTheBitsThatItGetsAlone(KernelFamily family, KvCacheType cache)
    {
        using EngineResources resources = await LoadAsync(family, cache);
        Request[] requests = Requests(resources.Config.VocabularySize);
        Answer[] alone = [.. requests.Select(request => Alone(resources, request))];
        TimeSpan time = Minutes("GEMMA2_MIX_MINUTES", otherwise: 0);
        long preemptions = 0, cached = 0, wide = 0;
        var drafts = new DraftCounts();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (int seed = 0; seed < Mixes || clock.Elapsed < time; seed++)
        {
            var random = new Random(seed);
            int blocks = random.Next(2) == 0 ? resources.Cache.Blocks : random.Next(40, 70);
            var scheduler = new Scheduler(new BlockPool(blocks), resources.Cache.Groups.Windows, random.Next(2, Slots + 1), Budget(random));
            var runner = new StepRunner(resources.Forward, scheduler, step => wide += step.Rows > 8 && !step.IsPrompt ? 1 : 0);
            var running = new List<(GenerationSequence Sequence, int Request)>();
            for (int i = 0; i < 30; i++)
            {
                int number = random.Next(requests.Length);
                GenerationSequence sequence = Create(resources, requests[number], (RequestClass)random.Next(2), random.Next(2) == 0 ? new NgramDrafter(1000) : null, drafts);
                scheduler.Add(sequence);
                running.Add((sequence, number));
                for (int steps = random.Next(4); steps > 0; steps--) runner.RunOne();
                if (random.Next(6) == 0) running[random.Next(running.Count)].Sequence.Abandon();
                scheduler.CheckInvariants();
            }
            while (runner.RunOne()) Cancellation.ThrowIfCancellationRequested();

            scheduler.CheckInvariants();
            foreach ((GenerationSequence sequence, int number) in running)
            {
                Answer answer = Read(sequence);
                int count = answer.Tokens.Length;
                Assert.True(sequence.IsAbandoned || count == alone[number].Tokens.Length);
                Assert.True(
                    alone[number].Tokens.AsSpan(0, count).SequenceEqual(answer.Tokens)
                        && alone[number].LogProbabilities.AsSpan(0, answer.LogProbabilities.Length).SequenceEqual(answer.LogProbabilities),
                    $"Mix {seed}: request {number} differs.");
                cached += sequence.CachedTokens;
            }
            preemptions += scheduler.Preemptions;
        }
        Assert.True(
            preemptions > 10 && cached > 100 && drafts.Accepted > 10 && wide > 10,
            $"{preemptions} preemptions, {cached} cached tokens, {drafts.Accepted} right guesses, {wide} wide steps");
    }

    private static async Task<EngineResources> LoadAsync(KernelFamily family, KvCacheType cache)
    {
        try
        {
            var options = new EngineOptions { MaxSequences = Slots, KvCacheType = cache, ContextLength = 256, Kernels = new KernelOptions { Forced = family }, StepTimed = _ => { } };
            return await LoadResourcesAsync(GoldenModels.Open("a-base").Folder, options);
        }
        catch (DeviceException error) when (error.Message.Contains("cannot be used", StringComparison.Ordinal))
        {
            Assert.Skip(error.Message);
            throw;
        }
    }

    private static StepBudget Budget(Random random) => new()
    {
        Decoding = random.Next(4, StepLimits.DecodingRows + 1),
        Prompt = random.Next(1, StepLimits.PromptRows + 1),
        PromptBesideStreams = random.Next(1, StepLimits.PromptRows / 2),
        WithDrafts = random.Next(StepLimits.DecodingRows + 1),
        BatchRests = random.Next(4),
    };

    /// <summary>Prompts with common beginnings of every length; some repeat themselves, so that drafts are right at times.</summary>
    private static Request[] Requests(int vocabulary)
    {
        var random = new Random(7);
        int[] common = [2, .. Enumerable.Range(0, 120).Select(i => 8 + (i * 37 % (vocabulary - 8)))];
        return [.. Enumerable.Range(0, 14).Select(i => new Request(
            [.. common[..random.Next(1, common.Length)], .. Enumerable.Range(0, random.Next(1, 40)).Select(j => 8 + ((i % 3 == 0 ? j % 4 : random.Next(300)) % (vocabulary - 8)))],
            random.Next(1, 45),
            new SamplingOptions
            {
                Temperature = i % 3 == 0 ? 0 : 1.1,
                TopK = i % 2 == 0 ? 0 : 20,
                LogProbabilities = i % 2,
                FrequencyPenalty = i % 5 == 0 ? 0.5 : 0,
                LogitBias = i % 4 == 1 ? new Dictionary<int, double> { [20] = 3 } : null,
                MinTokens = i % 7 == 0 ? 3 : 0,
                Seed = (ulong)i,
            },
            i % 6 == 2 ? 1 : null))];
    }

    private static Answer Alone(EngineResources resources, Request request)
    {
        Scheduler scheduler = resources.CreateScheduler();
        GenerationSequence sequence = Create(resources, request, RequestClass.Interactive);
        scheduler.Add(sequence);
        var runner = new StepRunner(resources.Forward, scheduler);
        while (runner.RunOne()) { }
        return Read(sequence);
    }

    private static GenerationSequence Create(EngineResources resources, Request request, RequestClass requestClass, IDrafter? drafter = null, DraftCounts? drafts = null)
    {
        int vocabulary = resources.Config.VocabularySize;
        var decoding = new DecodingState(request.Sampling, request.Prompt, [1], vocabulary);
        return new GenerationSequence(request.Prompt, request.MaxTokens, decoding, new Sampler(vocabulary), [1], requestClass, drafter, request.Scores, drafts);
    }

    private static Answer Read(GenerationSequence sequence)
    {
        var tokens = new List<GeneratedToken>();
        while (sequence.Output.TryRead(out GeneratedToken token)) tokens.Add(token);
        Assert.True(sequence.Output.Completion.IsCompletedSuccessfully);
        double?[] scores = [.. tokens.SelectMany(token => token.Prompt ?? []).Select(score => score.LogProbability)];
        return new Answer([.. tokens.Select(token => token.Id)], [.. scores, .. tokens.Select(token => token.Choice.LogProbability)]);
    }

    private sealed record Request(int[] Prompt, int MaxTokens, SamplingOptions Sampling, int? Scores);

    private sealed record Answer(int[] Tokens, double?[] LogProbabilities);
}
