using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;

namespace Gemma2.Service.Model;

/// <summary>A grammar's mask whose failures are the answer's alone: the engine ends a sequence for a <see cref="GenerationException"/>, and nothing else does.</summary>
internal sealed class AnswerMask : ITokenMask
{
    private readonly GrammarMask _mask;

    /// <summary>The mask of an answer that has not begun. What it may begin with is found out here, not by the engine.</summary>
    /// <exception cref="GenerationException">The grammar takes too much work, or this vocabulary cannot spell what it wants.</exception>
    public AnswerMask(Grammar grammar, TokenTrie tokens, IReadOnlyList<int> endTokens)
    {
        try
        {
            _mask = new GrammarMask(grammar, tokens, endTokens);
        }
        catch (GrammarException error)
        {
            throw Failed(error);
        }
        _ = Allowed;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<uint> Allowed
    {
        get
        {
            try
            {
                return _mask.Allowed;
            }
            catch (GrammarException error)
            {
                throw Failed(error);
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="GenerationException">The grammar takes too much work from here on.</exception>
    public void Accept(int token)
    {
        try
        {
            _mask.Accept(token);
        }
        catch (GrammarException error)
        {
            throw Failed(error);
        }
    }

    /// <inheritdoc/>
    public void Rewind(int count) => _mask.Rewind(count);

    private static GenerationException Failed(GrammarException error) => new($"The form that was asked for {error.Message}");
}
