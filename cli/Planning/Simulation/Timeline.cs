namespace Gemma2.Cli.Planning.Simulation;

/// <summary>How things stand between two events.</summary>
/// <param name="Queue">Messages that nobody works on.</param>
/// <param name="InWork">Requests in work.</param>
/// <param name="Billed">Replicas that cost money.</param>
/// <param name="Ready">Replicas that take messages.</param>
/// <param name="Busy">Replicas with something to do.</param>
internal readonly record struct Level(long Queue, int InWork, int Billed, int Ready, int Busy);

/// <summary>What happened in one stretch of time. Sums over time are in seconds: of 3 replicas for 10 s the sum is 30.</summary>
internal sealed class TimelineSlot
{
    /// <summary>Requests that came.</summary>
    public long Arrived { get; set; }

    /// <summary>Requests that were answered.</summary>
    public long Served { get; set; }

    /// <summary>Time for which the slot was simulated.</summary>
    public double Seconds { get; private set; }

    /// <summary>Time without any replica.</summary>
    public double SecondsAtZero { get; private set; }

    /// <summary>Messages that nobody worked on, summed over time.</summary>
    public double QueueSeconds { get; private set; }

    /// <summary>Requests in work, summed over time.</summary>
    public double InWorkSeconds { get; private set; }

    /// <summary>Billed replicas, summed over time.</summary>
    public double BilledSeconds { get; private set; }

    /// <summary>Ready replicas, summed over time.</summary>
    public double ReadySeconds { get; private set; }

    /// <summary>Replicas with something to do, summed over time.</summary>
    public double BusySeconds { get; private set; }

    /// <summary>Most messages that nobody worked on.</summary>
    public long MostQueued { get; private set; }

    /// <summary>Most billed replicas.</summary>
    public int MostBilled { get; private set; }

    /// <summary>Adds a stretch of time in which nothing changed.</summary>
    public void Add(double seconds, in Level level)
    {
        Seconds += seconds;
        if (level.Billed == 0) SecondsAtZero += seconds;
        QueueSeconds += seconds * level.Queue;
        InWorkSeconds += seconds * level.InWork;
        BilledSeconds += seconds * level.Billed;
        ReadySeconds += seconds * level.Ready;
        BusySeconds += seconds * level.Busy;
        MostQueued = Math.Max(MostQueued, level.Queue);
        MostBilled = Math.Max(MostBilled, level.Billed);
    }

    /// <summary>Adds another slot.</summary>
    public void Add(TimelineSlot other)
    {
        Arrived += other.Arrived;
        Served += other.Served;
        Seconds += other.Seconds;
        SecondsAtZero += other.SecondsAtZero;
        QueueSeconds += other.QueueSeconds;
        InWorkSeconds += other.InWorkSeconds;
        BilledSeconds += other.BilledSeconds;
        ReadySeconds += other.ReadySeconds;
        BusySeconds += other.BusySeconds;
        MostQueued = Math.Max(MostQueued, other.MostQueued);
        MostBilled = Math.Max(MostBilled, other.MostBilled);
    }
}

/// <summary>The simulated time, cut into rows for the table and each of these into slots for the plot. Its size does not depend on the number of requests.</summary>
internal sealed class Timeline
{
    private const int FewestRows = 12;
    private const int MostRows = 48;
    private const int MostSlots = 960;
    private const double SecondsAnHour = 3600;

    private readonly TimelineSlot[] _slots;
    private readonly LatencyHistogram[] _waits;
    private readonly int _slotsARow;

    /// <summary>A timeline of so many seconds: a row an hour, within limits.</summary>
    public Timeline(double seconds)
    {
        int rows = (int)Math.Clamp(Math.Ceiling(seconds / SecondsAnHour), FewestRows, MostRows);
        _slotsARow = MostSlots / rows;
        SlotSeconds = seconds / (rows * _slotsARow);
        _slots = [.. Enumerable.Range(0, rows * _slotsARow).Select(_ => new TimelineSlot())];
        _waits = [.. Enumerable.Range(0, rows).Select(_ => new LatencyHistogram())];
    }

    /// <summary>Length of a slot.</summary>
    public double SlotSeconds { get; }

    /// <summary>Length of a row.</summary>
    public double RowSeconds => SlotSeconds * _slotsARow;

    /// <summary>All slots.</summary>
    public IReadOnlyList<TimelineSlot> Slots => _slots;

    /// <summary>The slots of each row together, and the waits of the requests that came in it.</summary>
    public IEnumerable<(TimelineSlot Sum, LatencyHistogram Waits)> Rows => _slots.Chunk(_slotsARow).Select(Sum).Zip(_waits);

    /// <summary>Everything together.</summary>
    public TimelineSlot Total => Sum(_slots);

    /// <summary>The slot of a time.</summary>
    public TimelineSlot At(double time) => _slots[Index(time)];

    /// <summary>The waits of the requests that came in the row of a time.</summary>
    public LatencyHistogram WaitsAt(double time) => _waits[Index(time) / _slotsARow];

    /// <summary>Between two times nothing changed.</summary>
    public void Add(double from, double to, in Level level)
    {
        for (int slot = Index(from); from < to; slot++)
        {
            double until = slot == _slots.Length - 1 ? to : Math.Min(to, (slot + 1) * SlotSeconds);
            if (until > from) _slots[slot].Add(until - from, level);
            from = Math.Max(from, until);
        }
    }

    private int Index(double time) => Math.Min((int)(time / SlotSeconds), _slots.Length - 1);

    private static TimelineSlot Sum(IEnumerable<TimelineSlot> slots)
    {
        var sum = new TimelineSlot();
        foreach (TimelineSlot slot in slots) sum.Add(slot);
        return sum;
    }
}
