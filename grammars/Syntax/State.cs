using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>One way to go on: an expression that is begun, then a node.</summary>
internal readonly record struct GrammarThread(Regex Regex, GrammarNode Rest);

/// <summary>Where in its texts a grammar may be after some bytes: a state of its <see cref="Automaton"/>. Anything that follows leads to a text in the end.</summary>
/// <param name="threads">All ways to go on.</param>
/// <param name="canEnd">Whether the text may end here.</param>
internal sealed class State(GrammarThread[] threads, bool canEnd)
{
    /// <summary>What comes after a byte that is not allowed.</summary>
    public static State Dead { get; } = new([], false);

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd => canEnd;

    /// <summary>All ways to go on.</summary>
    public GrammarThread[] Threads => threads;

    /// <summary>What follows each byte, as far as anybody asked; null before anybody did. Only the automaton changes it.</summary>
    public Transitions? Transitions { get; set; }

    /// <summary>What follows each of <see cref="PlainChars.Sets"/>; null before anybody asked. Only the automaton changes them.</summary>
    public PlainStep?[] PlainSteps { get; } = new PlainStep?[PlainChars.Sets.Count];
}

/// <summary>The states after each byte.</summary>
/// <param name="Classes">The class of each byte.</param>
/// <param name="Next">The state after a byte of each class; null where nobody asked yet.</param>
internal sealed record Transitions(byte[] Classes, State?[] Next);

/// <summary>The state after any of some characters; null where it depends on the character.</summary>
internal sealed record PlainStep(State? Next);
