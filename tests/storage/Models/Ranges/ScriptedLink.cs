using Gemma2.Storage.Models.Ranges;
using Gemma2.Storage.Tests.Faults;

namespace Gemma2.Storage.Tests.Models.Ranges;

/// <summary>A link whose bytes come step by step on a clock of its own, to a reader that always asks for so many ranges.</summary>
internal sealed class ScriptedLink
{
    private const int BlockBytes = 8 << 20;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    private readonly SteppedTime _time = new();
    private readonly List<Range> _ranges = [];

    public ScriptedLink() => Pace = new LinkPace(_time);

    public LinkPace Pace { get; }

    /// <summary>Bytes a second of all connections together.</summary>
    public double Rate { get; set; } = 400e6;

    /// <summary>Bytes a second of one connection.</summary>
    public double ConnectionRate { get; set; } = 400e6;

    public TimeSpan Latency { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>How many ranges the reader asks for.</summary>
    public int Asked { get; init; } = 1000;

    /// <summary>With more in flight than this, storage refuses some.</summary>
    public int Bearable { get; init; } = int.MaxValue;

    /// <summary>Lets time go by; gives how many bytes came a second.</summary>
    public double Run(TimeSpan time)
    {
        double bytes = 0;
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += Step)
        {
            while (_ranges.Count < Math.Min(Pace.Limit, Asked)) _ranges.Add(new Range(BlockBytes / Pace.Parts(BlockBytes, free: 0)));
            if (_ranges.Count > Bearable) Pace.Refused();
            _time.Advance(Step);
            Range[] coming = [.. _ranges.Where(range => (range.Age += Step) > Latency)];
            double each = Math.Min(ConnectionRate, Rate / Math.Max(1, coming.Length)) * Step.TotalSeconds;
            foreach (Range range in coming)
            {
                double count = Math.Min(each, range.Left);
                range.Left -= count;
                bytes += count;
                Pace.Received((int)count, isFull: Asked > Pace.Limit);
                if (range.Left > 0) continue;
                Pace.Ended(range.Bytes, Latency, range.Age);
                _ranges.Remove(range);
            }
        }
        return bytes / time.TotalSeconds;
    }

    private sealed class Range(int bytes)
    {
        public int Bytes => bytes;

        public double Left { get; set; } = bytes;

        public TimeSpan Age { get; set; }
    }
}
