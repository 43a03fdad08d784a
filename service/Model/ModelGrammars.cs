using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;

namespace Gemma2.Service.Model;

/// <summary>Compiled grammars, and the loaded model's tokens by their bytes: what answers of a given form need.</summary>
internal sealed class ModelGrammars : IDisposable
{
    // A compilation takes a core; requests without grammars shall have some left.
    private readonly SemaphoreSlim _compilers = new(Math.Max(1, Environment.ProcessorCount / 2));
    private readonly GrammarCache _cache = new();
    private TokenTrie? _tokens;

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
                    return (_cache.Find(source), TokensOf(engine));
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

    /// <inheritdoc />
    public void Dispose() => _compilers.Dispose();

    private static GrammarMask NewMask(Grammar grammar, TokenTrie tokens, IReadOnlyList<int> endTokens)
    {
        var mask = new GrammarMask(grammar, tokens, endTokens);
        // What an answer may begin with is found out here, not by the engine.
        _ = mask.Allowed;
        return mask;
    }

    // A process serves one model.
    private TokenTrie TokensOf(IInferenceEngine engine) =>
        LazyInitializer.EnsureInitialized(ref _tokens, () => new TokenTrie(engine.Tokenizer!, engine.Config.VocabularySize));
}
