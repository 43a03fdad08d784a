namespace Gemma2.Cli.Planning.Simulation;

/// <summary>
/// The discrete-event simulation: jumps from one event to the next. Requests come and wait in one queue, replicas take them in order, the scaler looks at the queue and
/// starts and ends replicas, messages of dead replicas come again.
/// </summary>
internal sealed class Simulator : IFleetEvents
{
    private const int EventsBetweenChecks = 1 << 16;

    private readonly SimulationOptions _options;
    private readonly Arrivals _arrivals;
    private readonly Fleet _fleet;
    private readonly Scaler _scaler;
    private readonly Timeline _timeline;
    private readonly Queue<Request> _waiting = new();

    // All leases are equally long, so that the first to be lost is the first to come again.
    private readonly Queue<(double Due, Request Request)> _leased = new();
    private readonly SimulationResult _result;
    private double _now;

    private Simulator(SimulationOptions options)
    {
        _options = options;
        _arrivals = new Arrivals(options.Profile, options.Lengths, options.Seed, options.Seconds);
        _fleet = new Fleet(options, this);
        _scaler = new Scaler(options.Scaling);
        _timeline = new Timeline(options.Seconds);
        _result = new SimulationResult(_timeline);
    }

    /// <summary>Runs it from the begin to the end.</summary>
    public static SimulationResult Run(SimulationOptions options, CancellationToken cancellationToken) => new Simulator(options).Run(cancellationToken);

    /// <inheritdoc/>
    void IFleetEvents.Served(Work work, double now)
    {
        Request request = work.Request;
        _timeline.At(now).Served++;
        _timeline.WaitsAt(request.Arrival).Add(work.Taken - request.Arrival);
        _result.Waits.Add(work.Taken - request.Arrival);
        _result.FirstTokens.Add(work.FirstToken - request.Arrival);
        _result.Answers.Add(now - request.Arrival);
        _result.PromptTokens += request.PromptTokens;
        _result.NewTokens += request.NewTokens;
    }

    /// <inheritdoc/>
    void IFleetEvents.GivenBack(Request request)
    {
        _result.Redelivered++;
        _waiting.Enqueue(request);
    }

    /// <inheritdoc/>
    void IFleetEvents.Lost(Request request, double now)
    {
        _result.Redelivered++;
        _leased.Enqueue((now + _options.LeaseSeconds, request));
    }

    private SimulationResult Run(CancellationToken cancellationToken)
    {
        for (int replica = 0; replica < _options.Scaling.MinReplicas; replica++) _fleet.AddReady();
        Request next = _arrivals.Next();
        for (long count = 0; ; count++)
        {
            if (count % EventsBetweenChecks == 0) cancellationToken.ThrowIfCancellationRequested();
            double lease = _leased.TryPeek(out var first) ? first.Due : double.PositiveInfinity;
            double time = Math.Min(Math.Min(_fleet.NextEvent, lease), Math.Min(next.Arrival, _scaler.NextLook));
            if (time >= _options.Seconds) break;

            AdvanceTo(time);
            if (time == _fleet.NextEvent)
            {
                _fleet.HandleEvent();
            }
            else if (time == lease)
            {
                _waiting.Enqueue(_leased.Dequeue().Request);
            }
            else if (time == next.Arrival)
            {
                _timeline.At(time).Arrived++;
                _waiting.Enqueue(next);
                next = _arrivals.Next();
            }
            else
            {
                _fleet.ScaleTo(_scaler.Look(time, _waiting.Count + _leased.Count + _fleet.InWork, _fleet.Wanted), time);
            }
            while (_waiting.TryPeek(out Request request) && _fleet.TryTake(request, time)) _waiting.Dequeue();
        }

        AdvanceTo(_options.Seconds);
        _result.Waiting = _waiting.Count + _leased.Count;
        _result.InWork = _fleet.InWork;
        _result.OldestWaiting = _waiting.Concat(_leased.Select(leased => leased.Request))
            .Select(request => _options.Seconds - request.Arrival).DefaultIfEmpty().Max();
        return _result;
    }

    private void AdvanceTo(double time)
    {
        _timeline.Add(_now, time, new Level(_waiting.Count + _leased.Count, _fleet.InWork, _fleet.Billed, _fleet.Ready, _fleet.Busy));
        _now = time;
    }
}
