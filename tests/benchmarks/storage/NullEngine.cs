using System.Runtime.CompilerServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Service.Model;

namespace Gemma2.Benchmarks.Storage;

/// <summary>An engine that answers every request with one token at once: what is left is the time of everything around it.</summary>
internal sealed class NullEngine(GemmaTokenizer tokenizer) : IInferenceEngine, IEngineLoader
{
    /// <summary>What requests must name.</summary>
    public const string Name = "null";

    public string ModelName => Name;

    public Gemma2Config Config { get; } = new()
    {
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = 64,
        IntermediateSize = 128,
        Layers = LayerConfig.Alternating(2, window: 64),
        HeadCount = 2,
        KeyValueHeadCount = 1,
        HeadDimension = 32,
        QueryPreAttentionScalar = 32,
        MaxPositions = 512,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
    };

    public GemmaTokenizer Tokenizer => tokenizer;

    public ChatTemplate ChatTemplate { get; } = ChatTemplate.Of(tokenizer);

    public string Fingerprint => "0123456789abcdef";

    public int ContextLength => 512;

    public Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken) => Task.FromResult<IInferenceEngine>(this);

    public void EnsureRoom(GenerationRequest request)
    {
    }

    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        yield return new GeneratedToken(new TokenChoice(tokenizer.Eos), FinishReason.Stop);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
