using System.Runtime.CompilerServices;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;

namespace Gemma2.Service.Model;

/// <summary>Compiled grammars, and a loaded model's tokens by their bytes: what answers of a given form need.</summary>
internal sealed class ModelGrammars : IDisposable
{
    // A compilation takes a core; requests without grammars shall have some left.
    private readonly SemaphoreSlim _compilers = new(Math.Max(1, Environment.ProcessorCount / 2));

    // Compiled grammars remember masks of a vocabulary: they go with the engine whose it is.
    private readonly ConditionalWeakTable<IInferenceEngine, OfEngine> _engines = [];

    /// <summary>Compiles a source, unless it was before; whoever gives up leaves the rest to others that want the same.</summary>
    /// <param name="engine">The loaded model.</param>
    /// <param name="source">What answers must look like.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Makes a mask for an answer.</returns>
    /// <exception cref="GrammarException">The source cannot be used.</exception>
    public async Task<Func<ITokenMask>> CompileAsync(IInferenceEngine engine, GrammarSource source, CancellationToken cancellationToken)
    {
        await _compilers.WaitAsync(cancellationToken);
        Task<(Grammar Grammar, TokenTrie Tokens)> compiled = Task.Run(
            () =>
            {
                try
                {
                    OfEngine known = _engines.GetOrAdd(engine, static engine => new OfEngine(engine));
                    return (known.Grammars.Find(source), known.Tokens);
                }
                finally
                {
                    _compilers.Release();
                }
            },
            CancellationToken.None);
        (Grammar grammar, TokenTrie tokens) = await compiled.WaitAsync(cancellationToken);
        return () => NewMask(grammar, tokens, engine.Config.EndTokens);
    }

    /// <summary>Brings a model's tokens into the form that masks are made from: no request waits for that.</summary>
    public async Task WarmUpAsync(IInferenceEngine engine, CancellationToken cancellationToken)
    {
        try
        {
            (await CompileAsync(engine, new GrammarSource.JsonObject(), cancellationToken))();
        }
        catch (Gemma2Exception)
        {
            // It cannot write JSON: a request that wants some is told so.
        }
    }

    /// <inheritdoc />
    public void Dispose() => _compilers.Dispose();

    private static GrammarMask NewMask(Grammar grammar, TokenTrie tokens, IReadOnlyList<int> endTokens)
    {
        var mask = new GrammarMask(grammar, tokens, endTokens);
        // What an answer may begin with is found out here, not by the engine.
        _ = mask.Allowed;
        return mask;
    }

    private sealed class OfEngine(IInferenceEngine engine)
    {
        private readonly Lazy<TokenTrie> _tokens = new(() => new TokenTrie(engine.Tokenizer!, engine.Config.VocabularySize));

        public GrammarCache Grammars { get; } = new();

        public TokenTrie Tokens => _tokens.Value;
    }
}
