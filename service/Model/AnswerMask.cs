using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;

namespace Gemma2.Service.Model;

/// <summary>
/// A grammar's mask that fails its own answer at most. What may come next is found out when a token is accepted: there the engine takes an error for the sequence's, elsewhere for its own.
/// </summary>
internal sealed class AnswerMask : ITokenMask
{
    private readonly GrammarMask _mask;

    /// <exception cref="GenerationException">The grammar takes too much work, or this vocabulary cannot spell what it wants.</exception>
    public AnswerMask(Grammar grammar, TokenTrie tokens, IReadOnlyList<int> endTokens)
    {
        _mask = Guarded(() => new GrammarMask(grammar, tokens, endTokens));
        Guarded(() => _mask.Allowed.Length);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<uint> Allowed => _mask.Allowed;

    /// <inheritdoc/>
    /// <exception cref="GenerationException">The grammar takes too much work from here on, or this vocabulary cannot go on.</exception>
    public void Accept(int token) => Guarded(() =>
    {
        _mask.Accept(token);
        return _mask.Allowed.Length;
    });

    /// <inheritdoc/>
    public void Rewind(int count) => _mask.Rewind(count);

    private static T Guarded<T>(Func<T> use)
    {
        try
        {
            return use();
        }
        catch (GrammarException error)
        {
            throw new GenerationException($"The form that was asked for {error.Message}");
        }
    }
}
