namespace Gemma2.Cli.Planning.Simulation;

/// <summary>
/// Decides how many replicas there are to be, as KEDA's queue rule in Azure Container Apps does. Source: "Set scaling rules in Azure Container Apps", scale behavior.
/// </summary>
internal sealed class Scaler(ScalingOptions options)
{
    private const int FirstStep = 4;

    // What was wanted at the looks of the last window, without those that a later, higher one makes irrelevant: the first is the highest.
    private readonly LinkedList<(double Time, int Wanted)> _recent = [];
    private double _lastMessage = double.NegativeInfinity;

    /// <summary>When it looks next.</summary>
    public double NextLook { get; private set; }

    /// <summary>Looks at the queue and says how many replicas there are to be from now on.</summary>
    /// <param name="now">The time in seconds.</param>
    /// <param name="messages">Messages in the queue, those in work included: that is what KEDA counts.</param>
    /// <param name="replicas">Replicas that are there or starting.</param>
    public int Look(double now, long messages, int replicas)
    {
        NextLook = now + options.PollingInterval;
        if (messages > 0) _lastMessage = now;

        int wanted = (int)Math.Clamp((messages + options.QueueLength - 1) / options.QueueLength, options.MinReplicas, options.MaxReplicas);
        int highest = HighestOfWindow(now, wanted);
        if (wanted >= replicas) return Math.Min(wanted, StepLimit(replicas));

        bool coolsDown = now - _lastMessage < options.Cooldown;
        return Math.Min(replicas, Math.Max(highest, coolsDown ? 1 : 0));
    }

    private int StepLimit(int replicas) => options.MaxStep is { } step
        ? replicas + step
        : replicas == 0 ? 1 : Math.Max(FirstStep, 2 * replicas);

    private int HighestOfWindow(double now, int wanted)
    {
        while (_recent.Last is { } last && last.Value.Wanted <= wanted) _recent.RemoveLast();
        _recent.AddLast((now, wanted));
        while (_recent.First!.Value.Time < now - options.ScaleInWindow) _recent.RemoveFirst();
        return _recent.First.Value.Wanted;
    }
}
