using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Clients that come, go, give up and ask for nonsense: in the end all blocks are free, and memory has not grown. GEMMA2_SOAK_MINUTES makes it longer.</summary>
public sealed class SoakTests : EngineTest
{
    private const int Clients = 24;
    private const long Slack = 24 << 20;

    [Fact]
    public async Task Generate_ClientsOfEveryKind_LeaveNothingBehind()
    {
        TimeSpan time = Minutes("GEMMA2_SOAK_MINUTES", otherwise: 0.1);
        await using InferenceEngine engine = await LoadAsync(
            GoldenModels.Open("a-base").Folder, new EngineOptions { MaxSequences = 12, ContextLength = 256, MaxWaiting = 6, KvCacheMemory = 1200_000 });
        Dictionary<int, List<int>> alone = [];
        for (int kind = 0; kind < 16; kind++) alone.Add(kind, await GenerateAsync(engine, Request(kind)));
        long memory = GC.GetTotalMemory(forceFullCollection: true), deviceMemory = engine.DeviceBytes;
        var counts = new Counts();

        var clock = System.Diagnostics.Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(client);
            while (clock.Elapsed < time) await AskAsync(engine, alone, random, counts);
        })));
        while (engine.Statistics is { Running: > 0 } or { Waiting: > 0 }) await Task.Delay(5, Cancellation);

        Assert.Equal(0, engine.Statistics.HeldBlocks);
        Assert.True(counts.Answered > 0 && counts.GivenUp > 0 && counts.Refused > 0, counts.ToString());
        Assert.Equal(deviceMemory, engine.DeviceBytes);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memory, long.MinValue, Slack);
        engine.EnsureRoom(Request(0));
    }

    private static async Task AskAsync(InferenceEngine engine, Dictionary<int, List<int>> alone, Random random, Counts counts)
    {
        int kind = random.Next(alone.Count);
        GenerationRequest request = Request(kind) with { Class = (RequestClass)random.Next(2) };
        int patience = random.Next(3) == 0 ? random.Next(1, 20) : int.MaxValue;
        if (random.Next(12) == 0) request = request with { PromptTokens = random.Next(2) == 0 ? [] : [-1] };
        var ids = new List<int>();
        try
        {
            await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation))
            {
                ids.Add(token.Id);
                if (ids.Count >= patience) break;
            }
            Assert.Equal(alone[kind].Take(ids.Count), ids);
            Interlocked.Increment(ref ids.Count < alone[kind].Count ? ref counts.GivenUp : ref counts.Answered);
        }
        catch (InvalidRequestException)
        {
            Interlocked.Increment(ref counts.Refused);
        }
        catch (BusyException)
        {
            await Task.Delay(20, Cancellation);
        }
    }

    private static GenerationRequest Request(int kind) => new()
    {
        PromptTokens = [2, .. Enumerable.Range(0, 5 + (kind * 9)).Select(i => 8 + ((kind % 4) + (i * 17)) % 490)],
        MaxTokens = 10 + (kind * 4),
        IgnoreEndTokens = true,
        Sampling = new SamplingOptions { Temperature = kind % 2, FrequencyPenalty = kind % 5 == 0 ? 0.3 : 0, LogProbabilities = kind % 3 == 0 ? 2 : null, Seed = (ulong)kind },
    };

    private sealed class Counts
    {
        public long Answered;
        public long GivenUp;
        public long Refused;

        public override string ToString() => $"{Answered} answered, {GivenUp} given up, {Refused} refused";
    }
}
