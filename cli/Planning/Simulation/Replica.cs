namespace Gemma2.Cli.Planning.Simulation;

/// <summary>Where a replica is in its life.</summary>
internal enum ReplicaState
{
    /// <summary>Ended; its place is free.</summary>
    Gone,

    /// <summary>Billed, but not working yet.</summary>
    Starting,

    /// <summary>Works and takes messages.</summary>
    Ready,

    /// <summary>Finishes what it has and takes nothing more.</summary>
    Draining,
}

/// <summary>A request in the hands of a replica.</summary>
/// <param name="Request">The request.</param>
/// <param name="Taken">When the replica took it.</param>
/// <param name="FirstToken">When its prompt was done.</param>
internal readonly record struct Work(Request Request, double Taken, double FirstToken);

/// <summary>
/// One replica with continuous batching. All sequences share the device evenly: with n of them, each advances at 1/n of the replica's rate for n sequences, in its
/// prompt or in its answer. Two clocks count the prompt tokens and the new tokens that a sequence would have got since the begin, so that a sequence is done when its
/// clock reaches a mark that was known when it began, however often n changed in between.
/// </summary>
internal sealed class Replica(ServiceRates rates)
{
    private readonly PriorityQueue<Work, double> _prompts = new();
    private readonly PriorityQueue<Work, double> _answers = new();
    private double _promptClock, _answerClock, _updated;

    /// <summary>Where it is in its life.</summary>
    public ReplicaState State { get; private set; } = ReplicaState.Gone;

    /// <summary>Number of this life: later ones are higher.</summary>
    public long Life { get; private set; }

    /// <summary>When its state changes by itself: it is ready, dies, or must end.</summary>
    public double Deadline { get; private set; } = double.PositiveInfinity;

    /// <summary>Sequences in work.</summary>
    public int Active => _prompts.Count + _answers.Count;

    /// <summary>Creates it, or starts it again.</summary>
    public void Start(double readyAt, long life) => (State, Deadline, Life) = (ReplicaState.Starting, readyAt, life);

    /// <summary>It is ready, until it dies.</summary>
    public void BecomeReady(double diesAt) => (State, Deadline) = (ReplicaState.Ready, diesAt);

    /// <summary>It is to end at a time at the latest.</summary>
    public void Drain(double endsAt) => (State, Deadline) = (ReplicaState.Draining, endsAt);

    /// <summary>It is gone.</summary>
    public void End() => (State, Deadline) = (ReplicaState.Gone, double.PositiveInfinity);

    /// <summary>Takes a request.</summary>
    public void Take(Request request, double now)
    {
        AdvanceTo(now);
        _prompts.Enqueue(new Work(request, now, 0), _promptClock + request.PromptTokens);
    }

    /// <summary>When the next sequence is done with its prompt or its answer.</summary>
    public double NextStep() => Math.Min(Due(_prompts, _promptClock, rates.Prompt(Active)), Due(_answers, _answerClock, rates.Decode(Active)));

    /// <summary>Takes the step that is due now. True when it ended an answer: <paramref name="done"/>.</summary>
    public bool Step(double now, out Work done)
    {
        bool isPrompt = Due(_prompts, _promptClock, rates.Prompt(Active)) <= Due(_answers, _answerClock, rates.Decode(Active));
        AdvanceTo(now);
        if (isPrompt)
        {
            // The clock is set to the mark, so that rounding never leaves a step that is due again at once.
            _prompts.TryDequeue(out done, out _promptClock);
            _answers.Enqueue(done with { FirstToken = now }, _answerClock + done.Request.NewTokens);
            return false;
        }
        return _answers.TryDequeue(out done, out _answerClock);
    }

    /// <summary>Lets go of all that is unfinished.</summary>
    public IReadOnlyList<Request> GiveBack(double now)
    {
        AdvanceTo(now);
        Request[] unfinished = [.. _prompts.UnorderedItems.Concat(_answers.UnorderedItems).Select(item => item.Element.Request).OrderBy(request => request.Arrival)];
        _prompts.Clear();
        _answers.Clear();
        return unfinished;
    }

    private void AdvanceTo(double now)
    {
        double elapsed = now - _updated;
        _updated = now;
        _promptClock += elapsed * rates.Prompt(Active);
        _answerClock += elapsed * rates.Decode(Active);
    }

    private double Due(PriorityQueue<Work, double> works, double clock, double rate) =>
        works.TryPeek(out _, out double mark) ? _updated + (Math.Max(0, mark - clock) / rate) : double.PositiveInfinity;
}
