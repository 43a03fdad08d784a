using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Backend.Tests.Engine;

public sealed class DecodeAllocationTests : EngineTest
{
    [Fact]
    public async Task Decode_AfterTheFirstTokens_AllocatesNothingOnTheManagedHeap()
    {
        // Run by this thread, so that its allocations can be counted.
        using EngineResources resources = await LoadResourcesAsync(NanoModel.Folder, new EngineOptions { MaxSequences = 1, ContextLength = 256 });
        var scheduler = new Scheduler(resources.Forward, resources.Cache.Sequences);
        var sampling = new SamplingOptions { Temperature = 0.8, TopK = 40, TopP = 0.9, Seed = 3 };
        var sequence = new GenerationSequence([2, 300, 301], 200, sampling, new Sampler(resources.Config.VocabularySize), endTokens: []);
        scheduler.Add(sequence);
        for (int i = 0; i < 20; i++) Step(scheduler, sequence);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Step(scheduler, sequence);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
    }

    private static void Step(Scheduler scheduler, GenerationSequence sequence)
    {
        if (!scheduler.RunOne()) throw new InvalidOperationException("There was nothing to run.");
        if (!sequence.Output.TryRead(out _)) throw new InvalidOperationException("The step gave no token.");
    }
}
