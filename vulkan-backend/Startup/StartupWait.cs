namespace Gemma2.Backend.Startup;

/// <summary>A part of a start in which nothing but one stage held up what came next.</summary>
/// <param name="Stage">The stage; null where none was under way.</param>
/// <param name="Begin">Time since the start.</param>
/// <param name="End">Time since the start.</param>
public sealed record StartupWait(StartupStage? Stage, TimeSpan Begin, TimeSpan End)
{
    /// <summary>How long it was.</summary>
    public TimeSpan Length => End - Begin;
}
