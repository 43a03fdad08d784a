using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Grammars.Masks;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars;

/// <summary>
/// Lets a sequence say only what a grammar allows: a token is allowed where its bytes can be the next of a text, an end token where the text may end. Whatever was allowed can be
/// ended in the end.
/// </summary>
public sealed class GrammarMask : ITokenMask
{
    private readonly MaskTable _table;
    private readonly int[] _endTokens;
    private readonly uint[] _allowed;
    // The state after each token; null once an end token came.
    private readonly List<State?> _states;
    private bool _isCurrent;

    /// <summary>The mask of a sequence that has said nothing yet.</summary>
    /// <param name="grammar">What it may say.</param>
    /// <param name="trie">The tokens of its model.</param>
    /// <param name="endTokens">Tokens that end it.</param>
    public GrammarMask(Grammar grammar, TokenTrie trie, IReadOnlyList<int> endTokens)
    {
        _table = grammar.MasksOf(trie);
        _states = [_table.Automaton.Start];
        _endTokens = [.. endTokens.Where(id => (uint)id < (uint)trie.VocabularySize)];
        _allowed = new uint[TokenBits.Words(trie.VocabularySize)];
    }

    /// <inheritdoc/>
    /// <exception cref="GenerationException">The grammar takes too much work from here on, or no token can go on.</exception>
    public ReadOnlySpan<uint> Allowed
    {
        get
        {
            if (!_isCurrent) Guarded(Fill);
            _isCurrent = true;
            return _allowed;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The token is not allowed.</exception>
    /// <exception cref="GenerationException">The grammar takes too much work from here on.</exception>
    public void Accept(int token)
    {
        Guarded(() => _states.Add(After(_states[^1], token)));
        _isCurrent = false;
    }

    /// <inheritdoc/>
    public void Rewind(int count)
    {
        _states.RemoveRange(_states.Count - count, count);
        _isCurrent = false;
    }

    // A grammar was compiled before: what goes wrong from there on is the sequence's.
    private static void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (GrammarException error)
        {
            throw new GenerationException($"The form that was asked for {error.Message}");
        }
    }

    private State? After(State? state, int token)
    {
        if (_endTokens.Contains(token) && state is null or { CanEnd: true }) return null;
        if (state is null || !_table.Trie.TryGetBytes(token, out ReadOnlySpan<byte> bytes)) throw NotAllowed(token);
        state = _table.Automaton.Step(state, bytes);
        return state == State.Dead ? throw NotAllowed(token) : state;
    }

    private void Fill()
    {
        if (_states[^1] is { } state) _table.Find(state).CopyTo(_allowed);
        else Array.Clear(_allowed);
        if (_states[^1] is null or { CanEnd: true })
        {
            foreach (int id in _endTokens) TokenBits.Add(_allowed, id);
        }

        if (!_allowed.AsSpan().ContainsAnyExcept(0u)) throw new GrammarException("", "cannot be followed with this vocabulary: no token goes on with the text.");
    }

    private static ArgumentException NotAllowed(int token) => new($"Token {token} is not allowed here.", nameof(token));
}
