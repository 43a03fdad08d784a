using System.Runtime.CompilerServices;
using Gemma2.Backend;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;

namespace Gemma2.Functions.Tests;

/// <summary>An engine that does what a test says: for faults and waits that a real one cannot be made to show.</summary>
internal sealed class ScriptedEngine(GemmaTokenizer tokenizer) : IInferenceEngine
{
    public const string Name = "scripted";

    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _generations;

    /// <summary>What comes before the answer: waits, failures. Nothing by default.</summary>
    public Func<CancellationToken, Task> BeforeAnswer { get; set; } = _ => Task.CompletedTask;

    /// <summary>What comes between the answer and its end. Nothing by default.</summary>
    public Func<CancellationToken, Task> BeforeEnd { get; set; } = _ => Task.CompletedTask;

    /// <summary>The answer to every request, unless <see cref="AnswerTo"/> gives another.</summary>
    public string Answer { get; set; } = "Hello, world!";

    /// <summary>The answer to a request: <see cref="Answer"/> by default.</summary>
    public Func<GenerationRequest, string>? AnswerTo { get; set; }

    /// <summary>Whether no request more may wait.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Tokens of each prompt that count as cached.</summary>
    public int CachedTokens { get; set; }

    public GenerationRequest? LastRequest { get; private set; }

    /// <summary>How many generations have begun.</summary>
    public int Generations => Volatile.Read(ref _generations);

    /// <summary>Completes when a generation has been cancelled.</summary>
    public Task Cancelled => _cancelled.Task;

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

    public string Fingerprint => "0123456789abcdef";

    public int ContextLength => 512;

    public void EnsureRoom(GenerationRequest request)
    {
        if (IsBusy) throw new BusyException("The server is busy: a test says so. Try again later.");
    }

    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _generations);
        LastRequest = request;
        using CancellationTokenRegistration registration = cancellationToken.Register(() => _cancelled.TrySetResult());
        await BeforeAnswer(cancellationToken);
        int room = Math.Min(request.MaxTokens ?? int.MaxValue, ContextLength - request.PromptTokens.Count);
        foreach (int id in tokenizer.Encode(AnswerTo?.Invoke(request) ?? Answer))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new GeneratedToken(new TokenChoice(id), --room == 0 ? FinishReason.Length : null, CachedTokens);
            if (room == 0)
                yield break;
        }
        await BeforeEnd(cancellationToken);
        yield return new GeneratedToken(new TokenChoice(tokenizer.Eos), FinishReason.Stop, CachedTokens);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
