namespace Gemma2.Service.Queue;

/// <summary>What becomes of a message whose handling has returned.</summary>
internal abstract record QueueOutcome
{
    private QueueOutcome()
    {
    }

    /// <summary>It is done with: the message is deleted.</summary>
    public static QueueOutcome Done { get; } = new Handled();

    /// <inheritdoc cref="Done"/>
    public sealed record Handled : QueueOutcome;

    /// <summary>
    /// Its work goes on later through a new message that takes this one's place. A new message has all its tries before it: what is no fault of the
    /// message (storage away, device lost, another worker has it) does not use them up.
    /// </summary>
    /// <param name="Message">The new message, UTF-8.</param>
    /// <param name="After">When it may be delivered, from now.</param>
    public sealed record Replaced(ReadOnlyMemory<byte> Message, TimeSpan After) : QueueOutcome;
}
