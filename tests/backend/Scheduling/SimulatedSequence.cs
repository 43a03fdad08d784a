using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Tests.Scheduling;

/// <summary>A sequence whose next token follows from all tokens before it. With drafts it guesses, rightly more often than not.</summary>
internal sealed class SimulatedSequence(int[] prompt, int maxTokens, RequestClass requestClass = RequestClass.Interactive, Random? drafts = null) : Sequence(prompt, requestClass, maxTokens)
{
    public override double Temperature => 0;

    /// <summary>After so many new tokens it cannot find out what may come next; null never happens.</summary>
    public int? MaskFailsAfter { get; init; }

    public override bool IsMasked => MaskFailsAfter is not null;

    public override ITokenMask? Mask =>
        Length - PromptLength == MaskFailsAfter ? throw new GenerationException($"no mask after {MaskFailsAfter}") : null;

    public bool IsDone { get; private set; }

    public Exception? Error { get; private set; }

    /// <summary>The step after which the first token came; null before.</summary>
    public int? FirstToken { get; private set; }

    /// <summary>Guesses that were right.</summary>
    public int Accepted { get; private set; }

    /// <summary>What it gives when nothing goes wrong.</summary>
    public static int[] Expected(int[] prompt, int maxTokens)
    {
        List<int> tokens = [.. prompt];
        for (int i = 0; i < maxTokens; i++) tokens.Add(Next([.. tokens]));
        return [.. tokens];
    }

    public override bool Take(IStepResults results, int first, int count)
    {
        FirstToken ??= ((SimulatedDevice)results).Steps;
        int taken = 0;
        while (Append(Next(Tokens)) && !IsFull && ++taken < count) Accepted++;
        return !IsFull;
    }

    protected override int Propose(Span<int> guesses)
    {
        if (drafts is null) return 0;
        List<int> tokens = [.. Tokens];
        int count = drafts.Next(guesses.Length + 1);
        for (int i = 0; i < count; i++)
        {
            tokens.Add(drafts.Next(4) == 0 ? -1 : Next([.. tokens]));
            guesses[i] = tokens[^1];
        }
        return count;
    }

    protected override void Finish(Exception? error) => (IsDone, Error) = (true, error);

    private static int Next(ReadOnlySpan<int> tokens)
    {
        uint hash = 17;
        foreach (int token in tokens) hash = (hash * 31) + (uint)token;
        return (int)(hash % 1000);
    }
}
