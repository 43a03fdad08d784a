namespace Gemma2.Backend.Engine;

/// <summary>How many tokens were guessed, and how many guesses were right. Written by the engine's thread, read by any.</summary>
internal sealed class DraftCounts
{
    private long _drafted;
    private long _accepted;

    /// <summary>Tokens that were guessed.</summary>
    public long Drafted => Interlocked.Read(ref _drafted);

    /// <summary>Those of them that were right.</summary>
    public long Accepted => Interlocked.Read(ref _accepted);

    /// <summary>Adds the guesses of one step of a sequence.</summary>
    public void Add(int drafted, int accepted)
    {
        Interlocked.Add(ref _drafted, drafted);
        Interlocked.Add(ref _accepted, accepted);
    }
}
