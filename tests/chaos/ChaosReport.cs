using System.Globalization;
using System.Text;
using Gemma2.Chaos.Tests.Faults;

namespace Gemma2.Chaos.Tests;

/// <summary>What a run did and what came of it, as lines of a table.</summary>
internal sealed class ChaosReport
{
    private readonly List<(string What, string Figure)> _lines = [];

    public void Add(string what, long figure) => _lines.Add((what, figure.ToString("N0", CultureInfo.InvariantCulture)));

    public void Add(string what, TimeSpan time) => _lines.Add((what, string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:N0} s")));

    /// <summary>Markdown, so that it can be put where such tables are.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("| figure | |\n|---|---|\n");
        foreach ((string what, string figure) in _lines) text.Append(CultureInfo.InvariantCulture, $"| {what} | {figure} |\n");
        return text.ToString();
    }

    /// <summary>The counts of things that happened.</summary>
    /// <param name="processes">To what.</param>
    /// <param name="troubles">The things.</param>
    public void AddCounts(string processes, IReadOnlyDictionary<Trouble, int> troubles)
    {
        Add($"{processes} ended by SIGKILL", troubles[Trouble.Kill]);
        if (troubles.TryGetValue(Trouble.KillWorker, out int workers)) Add("... their workers alone", workers);
        if (troubles.TryGetValue(Trouble.KillBoth, out int both)) Add("... both at once", both);
        Add($"{processes} ended by SIGTERM", troubles[Trouble.Term]);
        Add($"{processes} stopped for longer than a lease, then let go on", troubles[Trouble.Pause]);
        Add("Azurite restarts", troubles[Trouble.StorageRestart]);
        Add("bursts in which half of all calls failed", troubles[Trouble.Burst]);
    }

    /// <summary>The counts of faults of single calls.</summary>
    public void AddCounts(IReadOnlyDictionary<FaultKind, int> faults)
    {
        Add("calls to storage", faults.Values.Sum());
        Add("... delayed, up to 8 s", faults.GetValueOrDefault(FaultKind.Delay));
        Add("... dropped before they took effect", faults.GetValueOrDefault(FaultKind.RequestDropped));
        Add("... whose reply was dropped after they took effect", faults.GetValueOrDefault(FaultKind.ReplyDropped));
        Add("... made twice", faults.GetValueOrDefault(FaultKind.Twice));
        Add("... answered 503 or 429", faults.GetValueOrDefault(FaultKind.Busy));
        Add("... answered slowly", faults.GetValueOrDefault(FaultKind.SlowBody));
        Add("... whose answer was cut off", faults.GetValueOrDefault(FaultKind.TruncatedBody));
        Add("... answered 404 by another than storage", faults.GetValueOrDefault(FaultKind.BareNotFound));
        Add("... answered with a web page", faults.GetValueOrDefault(FaultKind.WebPage));
        Add("... answered with the answer to another call", faults.GetValueOrDefault(FaultKind.OtherReply));
        Add("... whose ETag was weak", faults.GetValueOrDefault(FaultKind.WeakVersion));
        Add("... whose times were of another century", faults.GetValueOrDefault(FaultKind.WrongTime));
        Add("... never answered", faults.GetValueOrDefault(FaultKind.Hang));
    }
}
