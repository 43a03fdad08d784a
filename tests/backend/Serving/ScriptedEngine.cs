using System.Runtime.CompilerServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Serving;

/// <summary>An engine that gives the tokens it is told to: a model cannot be made to produce just these.</summary>
internal sealed class ScriptedEngine(GemmaTokenizer? tokenizer, params GeneratedToken[] script) : IInferenceEngine
{
    /// <summary>How many tokens were asked for.</summary>
    public int Given { get; private set; }

    /// <summary>True once a sequence has ended, by its end or by being cancelled.</summary>
    public bool Ended { get; private set; }

    public string ModelName => "scripted";

    public Gemma2Config Config { get; } = new()
    {
        VocabularySize = 700,
        HiddenSize = 16,
        IntermediateSize = 32,
        Layers = LayerConfig.Alternating(2, window: 8),
        HeadCount = 2,
        KeyValueHeadCount = 1,
        HeadDimension = 8,
        QueryPreAttentionScalar = 8,
        MaxPositions = 64,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
        EndTokens = tokenizer is null ? [1] : [tokenizer.Eos, tokenizer.EndOfTurn],
    };

    public GemmaTokenizer? Tokenizer => tokenizer;

    public ChatTemplate? ChatTemplate { get; } = tokenizer is null ? null : ChatTemplate.Of(tokenizer);

    public string Fingerprint => "0123456789abcdef";

    public int ContextLength => 64;

    public void EnsureRoom(GenerationRequest request)
    {
    }

    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (GeneratedToken token in script)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                Given++;
                yield return token;
            }
        }
        finally
        {
            Ended = true;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
