namespace Gemma2.Cli.Planning.Simulation;

/// <summary>One request.</summary>
/// <param name="Arrival">When it came, in seconds.</param>
/// <param name="PromptTokens">Tokens of its prompt.</param>
/// <param name="NewTokens">Tokens of its answer.</param>
internal readonly record struct Request(double Arrival, int PromptTokens, int NewTokens);

/// <summary>How long prompts and answers are.</summary>
/// <param name="PromptTokens">Of a prompt, the mean.</param>
/// <param name="NewTokens">Of an answer, the mean.</param>
/// <param name="AreFixed">All of them are the mean; otherwise they are geometric.</param>
/// <param name="Context">Longest prompt plus answer: what is longer is cut.</param>
internal sealed record RequestLengths(int PromptTokens, int NewTokens, bool AreFixed, int Context);

/// <summary>
/// The requests in the order in which they come: a Poisson process whose rate follows a profile. Unit-rate arrivals are stretched by the inverse of the expected
/// count, which is exact for rates that are constant in each slot. Source: Law, "Simulation Modeling and Analysis", 8.6.2.
/// </summary>
/// <param name="profile">The rate over time.</param>
/// <param name="lengths">How long prompts and answers are.</param>
/// <param name="seed">Which requests.</param>
/// <param name="end">When to stop, in seconds.</param>
internal sealed class Arrivals(RateProfile profile, RequestLengths lengths, long seed, double end)
{
    private readonly Draws _gaps = new(seed, DrawStream.Arrivals);
    private readonly Draws _prompts = new(seed, DrawStream.Prompts);
    private readonly Draws _answers = new(seed, DrawStream.Answers);

    private long _count;
    private long _slot;
    private double _usedOfSlot;

    /// <summary>The next request; at infinity where none comes before the end.</summary>
    public Request Next()
    {
        double time = Stretch(_gaps.Exponential(_count));
        if (time >= end) return new Request(double.PositiveInfinity, 0, 0);
        int prompt = Length(_prompts, lengths.PromptTokens, lengths.Context - 1);
        int answer = Length(_answers, lengths.NewTokens, lengths.Context - prompt);
        _count++;
        return new Request(time, prompt, answer);
    }

    // Walks over the slots until so many requests were expected since the last one.
    private double Stretch(double expected)
    {
        while (expected >= Left())
        {
            if (_slot * profile.SlotSeconds >= end) return double.PositiveInfinity;
            expected -= Left();
            _slot++;
            _usedOfSlot = 0;
        }
        _usedOfSlot += expected;
        return (_slot + (_usedOfSlot / Expected())) * profile.SlotSeconds;
    }

    private double Expected() => profile.Requests[(int)(_slot % profile.Requests.Count)];

    private double Left() => Expected() - _usedOfSlot;

    private int Length(Draws draws, int mean, int most) => Math.Min(lengths.AreFixed ? mean : draws.Geometric(_count, mean), most);
}
