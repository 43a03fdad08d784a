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
        Scheduler scheduler = resources.CreateScheduler();
        var runner = new StepRunner(resources.Forward, scheduler);
        var sampling = new SamplingOptions { Temperature = 0.8, TopK = 40, TopP = 0.9, Seed = 3 };
        var sequence = new GenerationSequence(
            [2, 300, 301], 200, new DecodingState(sampling, [2, 300, 301], [], resources.Config.VocabularySize), new Sampler(resources.Config.VocabularySize), endTokens: []);
        scheduler.Add(sequence);
        // Past the first full block.
        for (int i = 0; i < 60; i++) Step(runner, sequence);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Step(runner, sequence);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
    }

    private static void Step(StepRunner runner, GenerationSequence sequence)
    {
        if (!runner.RunOne()) throw new InvalidOperationException("There was nothing to run.");
        if (!sequence.Output.TryRead(out _)) throw new InvalidOperationException("The step gave no token.");
    }
}
