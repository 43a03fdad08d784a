using Gemma2.Backend.Cache;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Tests.Scheduling;

/// <summary>Plans without a device.</summary>
public sealed class SchedulerTests
{
    [Theory]
    [InlineData(40, 8)]
    [InlineData(40, 50)]
    [InlineData(400, 40)]
    public void Plan_HundredsOfRandomMixes_GivesEachSequenceWhatItGetsAlone(int blocks, int slots)
    {
        long preemptions = 0, found = 0, accepted = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var budget = new StepBudget { Prompt = random.Next(1, 257), PromptBesideStreams = random.Next(1, 129), Decoding = random.Next(5, 33), WithDrafts = random.Next(20), BatchRests = random.Next(4) };
            var engine = new SimulatedEngine(blocks, slots, budget, [.. new int?[][] { [null], [null, 70], [33, null], [null, 1000] }[seed % 4]]);
            var sequences = new List<(SimulatedSequence Sequence, int[] Prompt, int MaxTokens)>();
            int[] common = [.. Enumerable.Range(0, 200).Select(_ => random.Next(1000))];
            for (int i = 0; i < 40; i++)
            {
                int[] prompt = [.. common[..random.Next(0, 200)], .. Enumerable.Range(0, random.Next(1, 150)).Select(_ => random.Next(1000))];
                int maxTokens = random.Next(1, 90);
                var sequence = new SimulatedSequence(prompt, maxTokens, random.Next(2) == 0 ? RequestClass.Interactive : RequestClass.Batch, random.Next(2) == 0 ? new Random(i) : null);
                sequences.Add((engine.Add(sequence), prompt, maxTokens));
                for (int steps = random.Next(6); steps > 0; steps--) engine.Step();
                if (random.Next(5) == 0) sequences[random.Next(sequences.Count)].Sequence.Abandon();
            }

            engine.RunToTheEnd();

            foreach ((SimulatedSequence sequence, int[] prompt, int maxTokens) in sequences)
            {
                Assert.True(sequence.IsDone);
                Assert.Null(sequence.Error);
                int[] expected = SimulatedSequence.Expected(prompt, maxTokens);
                Assert.Equal(sequence.IsAbandoned ? expected[..sequence.Length] : expected, sequence.Tokens.ToArray());
                found += sequence.CachedTokens;
                accepted += sequence.Accepted;
            }
            Assert.Equal(0, engine.Pool.Held);
            preemptions += engine.Scheduler.Preemptions;
        }
        Assert.True(accepted > 100, $"{accepted} guesses were right");
        Assert.True(found > 1000, $"{found} tokens were found in the cache");
        Assert.True(preemptions > (blocks < 100 ? 100 : -1), $"{preemptions} preemptions");
    }

    [Fact]
    public void Plan_SameCalls_GivesTheSamePlans()
    {
        string Run()
        {
            var plans = new List<string>();
            var engine = new SimulatedEngine(60, 6);
            for (int i = 0; i < 12; i++) engine.Add(new SimulatedSequence([.. Enumerable.Range(i, 20 + (i * 17))], 12, (RequestClass)(i % 2)));
            while (engine.Step()) plans.Add(engine.Last!.Plan.ToString());
            return string.Join('\n', plans);
        }

        Assert.Equal(Run(), Run());
    }

    [Fact]
    public void Plan_PromptBesideSequencesThatDecode_SharesAStepWithThem()
    {
        var engine = new SimulatedEngine(200, 8);
        for (int i = 0; i < 3; i++) engine.Add(new SimulatedSequence([i, 1, 2], 50));
        for (int i = 0; i < 5; i++) engine.Step();
        engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 300)], 5));

        engine.Step();

        Assert.Equal(new RowCounts(engine.Budget.PromptBesideStreams, 3), engine.Last!.Plan.Rows);
        Assert.Equal(
            $"prompt of slot 3: 0 to {engine.Budget.PromptBesideStreams - 1}", engine.Last.Plan.ToString().Split(Environment.NewLine)[0]);
    }

    [Fact]
    public void Plan_ManyShortPrompts_ShareOneStep()
    {
        var engine = new SimulatedEngine(400, 32);
        for (int i = 0; i < 10; i++) engine.Add(new SimulatedSequence([i, .. Enumerable.Range(0, 19)], 2));

        engine.Step();

        Assert.Equal(new RowCounts(200, 0), engine.Last!.Plan.Rows);
        Assert.Equal(10, engine.Last.Plan.Wanted);
    }

    [Fact]
    public void Plan_LongPromptAmongOthers_TakesTurnsWithThem()
    {
        var engine = new SimulatedEngine(1000, 8);
        engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 4000)], 1));
        engine.Step();
        SimulatedSequence other = engine.Add(new SimulatedSequence([.. Enumerable.Range(5, 40)], 1));

        int steps = 0;
        while (!other.IsDone && engine.Step()) steps++;

        Assert.InRange(steps, 1, 3);
    }

    [Fact]
    public void Plan_MoreSequencesThanRowsThatDecode_AllGoOnAlike()
    {
        var engine = new SimulatedEngine(4000, 80);
        SimulatedSequence[] sequences = [.. Enumerable.Range(0, 80).Select(i => engine.Add(new SimulatedSequence([i, 3], 200)))];

        // Until all are running.
        for (int i = 0; i < 50; i++) engine.Step();
        int[] before = [.. sequences.Select(sequence => sequence.Length)];

        for (int i = 0; i < 100; i++) engine.Step();

        // 100 steps of 32 rows for 80 sequences.
        Assert.All(sequences.Zip(before), pair => Assert.InRange(pair.First.Length - pair.Second, 39, 41));
    }

    [Fact]
    public void Plan_InteractiveWhileBatchFillsAllSlots_GetsItsFirstTokenWithinThreeSteps()
    {
        var engine = new SimulatedEngine(400, 8);
        SimulatedSequence[] batch = [.. Enumerable.Range(0, 20).Select(i => engine.Add(new SimulatedSequence([.. Enumerable.Range(i, 50)], 100, RequestClass.Batch)))];
        for (int i = 0; i < 10; i++) engine.Step();
        SimulatedSequence newcomer = engine.Add(new SimulatedSequence([.. Enumerable.Range(900, 40)], 3));

        int steps = 0;
        while (newcomer.FirstToken is null && engine.Step()) steps++;
        Assert.InRange(steps, 1, 3);

        engine.RunToTheEnd();
        Assert.All(batch, sequence => Assert.Equal(150, sequence.Length));
    }

    [Fact]
    public void Plan_InteractivePromptWhereBatchRests_GivesBatchEveryFourthStep()
    {
        var engine = new SimulatedEngine(400, 8, new StepBudget { Prompt = 16, PromptBesideStreams = 16, BatchRests = 3 });
        for (int i = 0; i < 4; i++) engine.Add(new SimulatedSequence([i, 1, 2], 100, RequestClass.Batch));
        for (int i = 0; i < 5; i++) engine.Step();
        SimulatedSequence newcomer = engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 128)], 3));

        var batchRows = new List<int>();
        while (newcomer.FirstToken is null && engine.Step()) batchRows.Add(engine.Last!.Plan.Rows.Decoding);

        Assert.Equal([0, 0, 0, 4, 0, 0, 0, 4], batchRows);
        engine.Step();
        Assert.Equal(5, engine.Last!.Plan.Rows.Decoding);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Plan_EndlessInteractiveWork_LeavesBatchItsFloor(int batchRests)
    {
        var engine = new SimulatedEngine(4000, 50, new StepBudget { BatchRests = batchRests });
        SimulatedSequence batch = engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 100)], 50, RequestClass.Batch));
        var random = new Random(1);
        for (int i = 0; i < 400 && !batch.IsDone; i++)
        {
            if (engine.Scheduler.Running < 45) engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 300).Select(_ => random.Next(1000))], 20));
            engine.Step();
        }
        Assert.True(batch.IsDone, $"{batch.Length} tokens");
    }

    [Fact]
    public void Plan_InteractiveSequencesFillAllSlotsForEver_BatchStillEnds()
    {
        var engine = new SimulatedEngine(4000, 8);
        SimulatedSequence[] batch = [.. Enumerable.Range(0, 3).Select(i => engine.Add(new SimulatedSequence([.. Enumerable.Range(i, 60)], 40, RequestClass.Batch)))];
        var random = new Random(1);
        for (int i = 0; i < 600 && !batch.All(sequence => sequence.IsDone); i++)
        {
            while (engine.Scheduler.Waiting < 10) engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 30).Select(_ => random.Next(1000))], 20));
            engine.Step();
        }
        Assert.All(batch, sequence => Assert.True(sequence.IsDone, $"{sequence.Length} tokens"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Plan_MaskFails_EndsThatSequenceAndLetsTheNextOneIn(int tokens)
    {
        var engine = new SimulatedEngine(400, 1);
        SimulatedSequence failing = engine.Add(new SimulatedSequence([1, 2, 3], 20) { MaskFailsAfter = tokens });
        SimulatedSequence next = engine.Add(new SimulatedSequence([4, 5, 6], 20));

        while (engine.Step()) engine.Scheduler.CheckInvariants();

        Assert.Equal($"no mask after {tokens}", Assert.IsType<GenerationException>(failing.Error).Message);
        Assert.Equal(3 + tokens, failing.Length);
        Assert.Equal((23, true, null), (next.Length, next.IsDone, next.Error));
        Assert.Equal(0, engine.Pool.Held);
    }

    [Fact]
    public void Plan_SeveralMasksFail_EndsThoseAndNoOthers()
    {
        var engine = new SimulatedEngine(400, 8);
        SimulatedSequence[] sequences = [.. Enumerable.Range(0, 6).Select(i => engine.Add(new SimulatedSequence([i, 2, 3], 20) { MaskFailsAfter = i % 2 == 0 ? 5 + i : null }))];

        engine.RunToTheEnd();

        Assert.Equal([8, 23, 10, 23, 12, 23], sequences.Select(sequence => sequence.Length));
        Assert.Equal([true, false, true, false, true, false], sequences.Select(sequence => sequence.Error is GenerationException));
    }

    [Fact]
    public void Plan_PoolRunsDry_PreemptsTheYoungestOfTheBatchClass()
    {
        // Each needs 5 blocks at its end, in one group; there are 12.
        var engine = new SimulatedEngine(12, 4, null, [null]);
        SimulatedSequence interactive = engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 90)], 60));
        SimulatedSequence older = engine.Add(new SimulatedSequence([.. Enumerable.Range(200, 90)], 60, RequestClass.Batch));
        SimulatedSequence younger = engine.Add(new SimulatedSequence([.. Enumerable.Range(400, 90)], 60, RequestClass.Batch));
        var ends = new List<SimulatedSequence>();

        while (engine.Step()) ends.AddRange(new[] { interactive, older, younger }.Where(sequence => sequence.IsDone && !ends.Contains(sequence)));

        Assert.Equal([interactive, older, younger], ends);
        Assert.True(engine.Scheduler.Preemptions >= 1);
        Assert.Equal(SimulatedSequence.Expected([.. Enumerable.Range(400, 90)], 60), younger.Tokens.ToArray());
    }

    [Fact]
    public void Plan_CommonBeginningAtTheSameTime_IsComputedOnce()
    {
        var engine = new SimulatedEngine(400, 16);
        int[] common = [.. Enumerable.Range(0, 640)];
        SimulatedSequence[] lines = [.. Enumerable.Range(0, 10).Select(i => engine.Add(new SimulatedSequence([.. common, i, i + 1], 1, RequestClass.Batch)))];

        engine.RunToTheEnd();

        Assert.Equal(640 + 20, engine.Device.Rows.Prompt);
        Assert.Equal(9 * 640, lines.Sum(line => line.CachedTokens));
    }

    [Fact]
    public void Plan_SecondTurnOfAChat_FindsTheFirstPrompt()
    {
        var engine = new SimulatedEngine(400, 4);
        int[] prompt = [.. Enumerable.Range(0, 100)];
        SimulatedSequence first = engine.Add(new SimulatedSequence(prompt, 50));
        engine.RunToTheEnd();

        SimulatedSequence second = engine.Add(new SimulatedSequence([.. first.Tokens, 7, 7, 7], 5));
        engine.RunToTheEnd();
        SimulatedSequence third = engine.Add(new SimulatedSequence([.. second.Tokens, 8], 5));
        engine.RunToTheEnd();

        // Generated tokens are computed anew when they come back as a prompt, once.
        Assert.Equal(96, second.CachedTokens);
        Assert.Equal(128, third.CachedTokens);
    }

    [Fact]
    public void Plan_AbandonedSequences_EndAndLeaveTheirBlocks()
    {
        var engine = new SimulatedEngine(100, 1);
        SimulatedSequence running = engine.Add(new SimulatedSequence([.. Enumerable.Range(0, 1000)], 10)), waiting = engine.Add(new SimulatedSequence([1], 10));
        engine.Step();
        running.Abandon();
        waiting.Abandon();

        engine.RunToTheEnd();

        Assert.True(running.IsDone && waiting.IsDone);
        Assert.Equal((0, 0, 0), (engine.Scheduler.Running, engine.Scheduler.Waiting, engine.Pool.Held));
    }

    [Fact]
    public void FailAll_RunningAndWaiting_AllAreTold()
    {
        var engine = new SimulatedEngine(100, 1);
        SimulatedSequence[] sequences = [.. Enumerable.Range(0, 3).Select(i => engine.Add(new SimulatedSequence([i], 10)))];
        engine.Step();

        engine.Scheduler.FailAll(new DeviceException("lost"));

        Assert.All(sequences, sequence => Assert.Equal("lost", sequence.Error?.Message));
    }

    [Fact]
    public void Equals_Plans_CompareWhatIsComputed()
    {
        static StepPlan Plan(int token)
        {
            var plan = new StepPlan();
            var blocks = new BlockTable(new BlockPool(4), [null]);
            plan.Add(new StepSegment(1, RowKind.Decoding, 7, 1, 1, 0.5), [3], blocks);
            plan.Add(new StepSegment(0, RowKind.Prompt, 0, 2, 1, 1), [token, 5], blocks);
            return plan;
        }

        StepPlan plan = Plan(4);
        var wanted = new WantedRow[2];
        plan.WriteWanted(wanted);

        Assert.Equal(Plan(4), plan);
        Assert.NotEqual(Plan(9), plan);
        Assert.Equal([new WantedRow(1, 1), new WantedRow(2, 0.5)], wanted);
        Assert.Equal($"prompt of slot 0: 0 to 1, 1 wanted{Environment.NewLine}decoding of slot 1: 7 to 7, 1 wanted{Environment.NewLine}", plan.ToString());
    }
}
