namespace Gemma2.Backend.Startup;

/// <summary>One stage of a start.</summary>
/// <param name="Name">One of <see cref="StartupStages"/>.</param>
/// <param name="Of">What it is the stage of; null where there is one alone.</param>
/// <param name="Begin">Time since the start.</param>
/// <param name="End">Time since the start; null while it lasts.</param>
/// <param name="Bytes">Bytes that were read in it.</param>
public sealed record StartupStage(string Name, string? Of, TimeSpan Begin, TimeSpan? End, long Bytes)
{
    /// <summary>How long it took; null while it lasts.</summary>
    public TimeSpan? Length => End - Begin;

    /// <summary>Bytes a second; null where there are none, or while it lasts.</summary>
    public double? BytesPerSecond => Bytes > 0 && Length is { } length && length > TimeSpan.Zero ? Bytes / length.TotalSeconds : null;
}
