namespace Gemma2.Backend.Text.Jinja;

/// <summary>What a template may take: those of strangers must neither run for ever nor fill the memory.</summary>
/// <param name="Steps">Most expressions and tags that are worked on, elements of lists counted too.</param>
/// <param name="Characters">Most characters that are written, into the output and into what it is made of.</param>
internal sealed record JinjaLimits(long Steps, long Characters)
{
    /// <summary>Deepest nesting of tags and expressions, in the template's text and while macros call each other.</summary>
    public const int Depth = 200;

    /// <summary>Longest template.</summary>
    public const int LongestTemplate = 1 << 20;

    /// <summary>The limits for a conversation: some steps for each message, and room for its text to be handed around.</summary>
    public static JinjaLimits For(int messages, long characters) => new(1_000_000 + (5_000L * messages), (4L << 20) + (32 * characters));
}
