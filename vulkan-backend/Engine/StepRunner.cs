using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>
/// Schedule, run, take results: keeps the device busy with one step after the other. While a step runs that only fills the cache, the next one is handed over already; after any other, what comes
/// next depends on the results.
/// </summary>
/// <param name="forward">Computes steps.</param>
/// <param name="scheduler">Plans them.</param>
/// <param name="stepTimed">Told of every step when steps are timed.</param>
internal sealed class StepRunner(ForwardPass forward, Scheduler scheduler, Action<StepProfile>? stepTimed = null)
{
    private readonly ScheduledStep[] _steps = [.. Enumerable.Range(0, ForwardPass.MaxInFlight).Select(_ => new ScheduledStep())];
    private readonly Queue<(ScheduledStep Scheduled, StepInFlight InFlight)> _inFlight = new(ForwardPass.MaxInFlight);
    private long _planned;
    private bool _resultsAreOnTheirWay;

    /// <summary>Steps that were handed over.</summary>
    public long Steps => _planned;

    /// <summary>Keeps the device busy until one step more is done.</summary>
    /// <returns>False when there was nothing to do.</returns>
    /// <exception cref="DeviceException">The device failed: no sequence can go on, see <see cref="Scheduler.FailAll"/>.</exception>
    public bool RunOne()
    {
        while (_inFlight.Count < ForwardPass.MaxInFlight && !_resultsAreOnTheirWay && Submit()) { }
        if (!_inFlight.TryDequeue(out (ScheduledStep Scheduled, StepInFlight InFlight) step)) return false;
        step.InFlight.Wait();
        stepTimed?.Invoke(Profile(step.Scheduled.Plan, step.InFlight));
        if (step.Scheduled.Plan.Wanted == 0) return true;
        scheduler.Complete(step.Scheduled, forward.Results);
        _resultsAreOnTheirWay = false;
        return true;
    }

    private bool Submit()
    {
        ScheduledStep step = _steps[_planned % _steps.Length];
        if (!scheduler.Plan(step)) return false;
        _planned++;
        _inFlight.Enqueue((step, forward.Submit(step.Plan)));
        _resultsAreOnTheirWay = step.Plan.Wanted > 0;
        return true;
    }

    private static StepProfile Profile(StepPlan plan, StepInFlight step)
    {
        bool isPrompt = plan.Rows.Prompt > 0;
        return new StepProfile(isPrompt, plan.Rows.Total, (isPrompt ? plan.Prompts : plan.Decoding)[0].Position, step.ReadTimes());
    }
}
