using Gemma2.Backend.Cache;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Tests.Scheduling;

/// <summary>A scheduler over a simulated device, with a second step planned ahead as the engine does; everything is checked after every step.</summary>
internal sealed class SimulatedEngine
{
    private readonly BlockPool _pool;
    private readonly Queue<ScheduledStep> _inFlight = new();

    public SimulatedEngine(int blocks, int slots, StepBudget? budget = null, params int?[] windows)
    {
        _pool = new BlockPool(blocks);
        Windows = windows.Length > 0 ? windows : [null, 70];
        Budget = budget ?? new StepBudget();
        Scheduler = new Scheduler(_pool, Windows, slots, Budget);
        Device = new SimulatedDevice(_pool, Windows);
    }

    public IReadOnlyList<int?> Windows { get; }

    public StepBudget Budget { get; }

    public Scheduler Scheduler { get; }

    public SimulatedDevice Device { get; }

    public BlockPool Pool => _pool;

    /// <summary>The plan of the last step that was run.</summary>
    public ScheduledStep? Last { get; private set; }

    public T Add<T>(T sequence)
        where T : Sequence
    {
        Scheduler.Add(sequence);
        return sequence;
    }

    /// <summary>One step more; false when there was nothing to do.</summary>
    public bool Step()
    {
        while (_inFlight.Count < 2 && _inFlight.All(step => step.Plan.Wanted == 0))
        {
            var next = new ScheduledStep();
            bool any = Scheduler.Plan(next);
            Scheduler.CheckInvariants();
            if (!any) break;
            CheckBudget(next);
            // The device runs steps in the order in which they are handed over.
            Device.Run(next);
            _inFlight.Enqueue(next);
        }
        if (!_inFlight.TryDequeue(out ScheduledStep? step)) return false;
        Last = step;
        Scheduler.Complete(step, Device);
        Scheduler.CheckInvariants();
        return true;
    }

    public void RunToTheEnd(int mostSteps = 100_000)
    {
        int steps = 0;
        while (Step()) Assert.True(++steps < mostSteps, "The engine does not come to an end.");
    }

    private void CheckBudget(ScheduledStep step)
    {
        Assert.InRange(step.Plan.Rows.Prompt, 0, step.HasStreams ? Budget.PromptBesideStreams : Budget.Prompt);
        Assert.InRange(step.Plan.Rows.Decoding, 0, Budget.Decoding);
        Assert.InRange(step.Plan.Wanted, 0, StepLimits.Results);
        Assert.InRange(step.Prompts.Count, 0, StepLimits.Prompts);
    }
}
