namespace Gemma2.Chaos.Tests.Faults;

/// <summary>How often each fault happens, as a share of all calls; the rest go through unharmed.</summary>
internal sealed record FaultRates
{
    /// <summary>No faults.</summary>
    public static FaultRates None { get; } = new();

    /// <summary>A bad day: about one call in eight.</summary>
    public static FaultRates Bad { get; } = new()
    {
        Delay = 0.05,
        RequestDropped = 0.015,
        ReplyDropped = 0.02,
        Twice = 0.015,
        Busy = 0.015,
        SlowBody = 0.01,
        TruncatedBody = 0.01,
        Lie = 0.003,
        Hang = 0.0005,
    };

    /// <summary>A burst: about one call in two.</summary>
    public static FaultRates Terrible { get; } = new()
    {
        Delay = 0.1,
        RequestDropped = 0.1,
        ReplyDropped = 0.1,
        Twice = 0.05,
        Busy = 0.1,
        SlowBody = 0.02,
        TruncatedBody = 0.05,
        Lie = 0.02,
        Hang = 0.005,
    };

    public double Delay { get; init; }

    public double RequestDropped { get; init; }

    public double ReplyDropped { get; init; }

    public double Twice { get; init; }

    public double Busy { get; init; }

    public double SlowBody { get; init; }

    public double TruncatedBody { get; init; }

    /// <summary>The share of each kind of reply that storage does not send.</summary>
    public double Lie { get; init; }

    public double Hang { get; init; }

    /// <summary>The fault that a number from 0 to 1 stands for.</summary>
    public FaultKind Pick(double chance)
    {
        foreach ((FaultKind kind, double share) in Shares())
        {
            if (chance < share) return kind;
            chance -= share;
        }
        return FaultKind.None;
    }

    private (FaultKind Kind, double Share)[] Shares() =>
    [
        (FaultKind.Delay, Delay), (FaultKind.RequestDropped, RequestDropped), (FaultKind.ReplyDropped, ReplyDropped), (FaultKind.Twice, Twice),
        (FaultKind.Busy, Busy), (FaultKind.SlowBody, SlowBody), (FaultKind.TruncatedBody, TruncatedBody),
        (FaultKind.BareNotFound, Lie), (FaultKind.WebPage, Lie), (FaultKind.OtherReply, Lie), (FaultKind.WeakVersion, Lie), (FaultKind.WrongTime, Lie), (FaultKind.Hang, Hang),
    ];
}
