namespace Gemma2.Cli.Planning.Simulation;

/// <summary>All replicas: hands requests to the least loaded one, starts and ends replicas, and says what becomes of the requests.</summary>
internal sealed class Fleet(SimulationOptions options, IFleetEvents events)
{
    private readonly ServiceRates _rates = new(options.Rates, options.Sequences);
    private readonly Draws _lives = new(options.Seed, DrawStream.Lives);
    private readonly List<Replica> _replicas = [];
    private readonly Stack<int> _free = new();
    private readonly TournamentTree _next = new();
    private readonly TournamentTree _loads = new();
    private readonly int[] _states = new int[Enum.GetValues<ReplicaState>().Length];
    private long _life;

    /// <summary>When something happens next.</summary>
    public double NextEvent => _next.Lowest;

    /// <summary>Requests in work.</summary>
    public int InWork { get; private set; }

    /// <summary>Replicas with something to do.</summary>
    public int Busy { get; private set; }

    /// <summary>Replicas that take messages.</summary>
    public int Ready => _states[(int)ReplicaState.Ready];

    /// <summary>Replicas that are there or starting, without those that are ending.</summary>
    public int Wanted => _states[(int)ReplicaState.Starting] + Ready;

    /// <summary>Replicas that cost money.</summary>
    public int Billed => Wanted + _states[(int)ReplicaState.Draining];

    /// <summary>Adds a replica that was started before the simulation begins.</summary>
    public void AddReady() => MakeReady(Create(readyAt: 0), now: 0);

    /// <summary>Gives a request to the least loaded replica; false where none has room.</summary>
    public bool TryTake(Request request, double now)
    {
        if (double.IsPositiveInfinity(_loads.Lowest)) return false;
        int index = _loads.LowestIndex;
        Replica replica = _replicas[index];
        if (replica.Active == 0) Busy++;
        replica.Take(request, now);
        InWork++;
        Update(index);
        return true;
    }

    /// <summary>Starts or ends replicas until so many are left: first those that have not begun to work, then the newest, as Kubernetes does.</summary>
    public void ScaleTo(int target, double now)
    {
        while (Wanted < target) Update(Create(now + options.ColdStartSeconds));
        if (Wanted == target) return;

        int surplus = Wanted - target;
        int[] ending = [.. Enumerable.Range(0, _replicas.Count)
            .Where(index => _replicas[index].State is ReplicaState.Starting or ReplicaState.Ready)
            .OrderBy(index => _replicas[index].State)
            .ThenByDescending(index => _replicas[index].Life)
            .Take(surplus)];
        foreach (int index in ending) Retire(index, now);
    }

    /// <summary>Lets the event happen that is due at <see cref="NextEvent"/>.</summary>
    public void HandleEvent()
    {
        double now = _next.Lowest;
        int index = _next.LowestIndex;
        Replica replica = _replicas[index];
        if (replica.Deadline <= now) HandleDeadline(index, now);
        else if (replica.Step(now, out Work done)) Finish(index, done, now);
        else Update(index);
    }

    private void HandleDeadline(int index, double now)
    {
        Replica replica = _replicas[index];
        switch (replica.State)
        {
            case ReplicaState.Starting:
                MakeReady(index, now);
                break;
            case ReplicaState.Draining:
                foreach (Request request in TakeAway(index, now)) events.GivenBack(request);
                Remove(index);
                break;
            default:
                // It died. The platform starts its container again; storage shows its messages again when their leases end.
                foreach (Request request in TakeAway(index, now)) events.Lost(request, now);
                Change(replica, () => replica.Start(now + options.ColdStartSeconds, _life++));
                Update(index);
                break;
        }
    }

    private void Finish(int index, Work done, double now)
    {
        Replica replica = _replicas[index];
        InWork--;
        if (replica.Active == 0) Busy--;
        events.Served(done, now);
        if (replica is { State: ReplicaState.Draining, Active: 0 }) Remove(index);
        else Update(index);
    }

    private int Create(double readyAt)
    {
        if (!_free.TryPop(out int index))
        {
            index = _replicas.Count;
            _replicas.Add(new Replica(_rates));
            _states[(int)ReplicaState.Gone]++;
        }
        Replica replica = _replicas[index];
        Change(replica, () => replica.Start(readyAt, _life++));
        return index;
    }

    private void MakeReady(int index, double now)
    {
        Replica replica = _replicas[index];
        double life = options.FailuresPerSecond > 0 ? _lives.Exponential(replica.Life) / options.FailuresPerSecond : double.PositiveInfinity;
        Change(replica, () => replica.BecomeReady(now + life));
        Update(index);
    }

    private void Retire(int index, double now)
    {
        Replica replica = _replicas[index];
        if (replica.Active == 0)
        {
            Remove(index);
            return;
        }
        Change(replica, () => replica.Drain(now + options.GraceSeconds));
        Update(index);
    }

    private void Remove(int index)
    {
        Change(_replicas[index], _replicas[index].End);
        Update(index);
        _free.Push(index);
    }

    private IReadOnlyList<Request> TakeAway(int index, double now)
    {
        IReadOnlyList<Request> unfinished = _replicas[index].GiveBack(now);
        InWork -= unfinished.Count;
        if (unfinished.Count > 0) Busy--;
        return unfinished;
    }

    private void Change(Replica replica, Action change)
    {
        _states[(int)replica.State]--;
        change();
        _states[(int)replica.State]++;
    }

    private void Update(int index)
    {
        Replica replica = _replicas[index];
        _next.Set(index, Math.Min(replica.Deadline, replica.NextStep()));
        _loads.Set(index, replica.State == ReplicaState.Ready && replica.Active < options.Sequences ? replica.Active : double.PositiveInfinity);
    }
}

/// <summary>What becomes of the requests in the hands of replicas.</summary>
internal interface IFleetEvents
{
    /// <summary>A request was answered.</summary>
    void Served(Work work, double now);

    /// <summary>A request was given back to the queue by a replica that had to end.</summary>
    void GivenBack(Request request);

    /// <summary>A request was in the hands of a replica that died.</summary>
    void Lost(Request request, double now);
}
