namespace Gemma2.Benchmarks.Sides.Loads;

/// <summary>What clients send. A plain value: both sides are sent the same.</summary>
/// <param name="Lanes">Kinds of clients. Lanes without end begin first; the others begin when each of their clients has its first token, and when those are done all ends.</param>
internal sealed record Load(IReadOnlyList<Lane> Lanes);

/// <summary>Clients of one kind. They share one list of requests, each takes the next one when it has its answer, and waits a while before it sends it.</summary>
internal sealed record Lane
{
    /// <summary>How many clients there are: so many requests are under way at once, at most.</summary>
    public required int Clients { get; init; }

    /// <summary>Tokens of a prompt.</summary>
    public required Lengths Prompt { get; init; }

    /// <summary>Tokens of an answer.</summary>
    public required Lengths Answer { get; init; }

    /// <summary>How many requests there are; null for as many as can be sent until the other lanes are done.</summary>
    public int? Requests { get; init; }

    /// <summary>
    /// Mean of the pauses before a client sends, in seconds. They are distributed exponentially, which makes each client that waits for nothing a Poisson process.
    /// </summary>
    public double MeanPause { get; init; }

    /// <summary>Sent as work that nobody waits for; a side that knows no classes takes it like any other.</summary>
    public bool IsBatch { get; init; }

    /// <summary>Tokens with which all prompts begin alike.</summary>
    public int SharedTokens { get; init; }

    /// <summary>Lengths and pauses follow from it.</summary>
    public int Seed { get; init; }

    /// <summary>The tokens of prompts follow from it: lanes with other numbers have nothing in common but their first token.</summary>
    public int FirstPrompt { get; init; }
}

/// <summary>A range of lengths, drawn so that each doubling is as likely as the next.</summary>
/// <param name="Least">The shortest.</param>
/// <param name="Most">The longest.</param>
internal readonly record struct Lengths(int Least, int Most)
{
    /// <summary>The length at a share of the way from the shortest to the longest.</summary>
    public int At(double share) => (int)Math.Round(Least * Math.Pow((double)Most / Least, share));
}

/// <summary>One request.</summary>
/// <param name="Prompt">Token ids.</param>
/// <param name="NewTokens">Tokens to make.</param>
/// <param name="IsBatch">Nobody waits for it.</param>
internal sealed record LoadRequest(int[] Prompt, int NewTokens, bool IsBatch);
