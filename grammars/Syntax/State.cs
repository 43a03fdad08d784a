using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Syntax;

/// <summary>One way to go on: an expression that is begun, then a node.</summary>
internal readonly record struct GrammarThread(Regex Regex, GrammarNode Rest);

/// <summary>
/// Where in its texts a grammar may be after some bytes: a state of its <see cref="Automaton"/>, which alone changes it. Anything that follows leads to a text in the end.
/// It compares by its ways to go on.
/// </summary>
internal sealed class State : IEquatable<State>
{
    private readonly int _hash;

    /// <param name="threads">All ways to go on.</param>
    /// <param name="canEnd">Whether the text may end here.</param>
    public State(GrammarThread[] threads, bool canEnd)
    {
        (Threads, CanEnd) = (threads, canEnd);
        HashCode hash = default;
        hash.Add(canEnd);
        foreach ((Regex regex, GrammarNode rest) in threads)
        {
            hash.Add(regex.Id);
            hash.Add(rest.Id);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>What comes after a byte that is not allowed.</summary>
    public static State Dead { get; } = new([], false);

    /// <summary>Stands for several states: what comes after a group of characters depends on the character, or may do so.</summary>
    public static State Several { get; } = new([], false);

    /// <summary>All ways to go on.</summary>
    public GrammarThread[] Threads { get; }

    /// <summary>Whether the text may end here.</summary>
    public bool CanEnd { get; }

    /// <summary>What follows each byte, as far as anybody asked; null before anybody did.</summary>
    public Transitions? Transitions { get; set; }

    /// <summary>What follows each group of characters (<see cref="CharGroups"/>), as far as anybody asked; null before anybody did.</summary>
    public State?[]? AfterGroups { get; set; }

    /// <inheritdoc/>
    public bool Equals(State? other) =>
        ReferenceEquals(this, other) || (other is not null && _hash == other._hash && CanEnd == other.CanEnd && Threads.AsSpan().SequenceEqual(other.Threads));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as State);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;
}

/// <summary>The states after each byte.</summary>
internal sealed class Transitions(ByteClasses classes)
{
    /// <summary>Which bytes lead to one state.</summary>
    public ByteClasses Classes => classes;

    /// <summary>The class of each byte.</summary>
    public readonly byte[] Map = classes.Map;

    /// <summary>The state after a byte of each class; null where nobody asked yet.</summary>
    public readonly State?[] Next = new State?[classes.Count];
}
