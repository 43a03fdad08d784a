using System.Collections.Concurrent;
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
    private int _generations, _running;

    /// <summary>What comes before the answer: waits, failures. Nothing by default.</summary>
    public Func<CancellationToken, Task> BeforeAnswer { get; set; } = _ => Task.CompletedTask;

    /// <summary>What comes between the answer and its end. Nothing by default.</summary>
    public Func<CancellationToken, Task> BeforeEnd { get; set; } = _ => Task.CompletedTask;

    /// <summary>The answer to every request, unless <see cref="AnswerTo"/> gives another.</summary>
    public string Answer { get; set; } = "Hello, world!";

    /// <summary>The answer to a request: <see cref="Answer"/> by default.</summary>
    public Func<GenerationRequest, string>? AnswerTo { get; set; }

    /// <summary>The log-probability of a token, told where it is asked for, and of as many others as are asked for: those of the ids that follow, each 1 less likely.</summary>
    public Func<GenerationRequest, int, double> Score { get; set; } = (_, id) => -0.25 * (1 + (id % 4));

    /// <summary>Whether no request more may wait.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Tokens of each prompt that count as cached.</summary>
    public int CachedTokens { get; set; }

    public GenerationRequest? LastRequest { get; private set; }

    /// <summary>All requests so far, as they came.</summary>
    public ConcurrentQueue<GenerationRequest> Requests { get; } = [];

    /// <summary>How many generations have begun.</summary>
    public int Generations => Volatile.Read(ref _generations);

    /// <summary>Completes when a generation has been cancelled.</summary>
    public Task Cancelled => _cancelled.Task;

    public string ModelName { get; init; } = Name;

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

    public ChatTemplate ChatTemplate { get; init; } = ChatTemplate.Of(tokenizer);

    public SamplingDefaults SamplingDefaults { get; init; } = SamplingDefaults.None;

    public string Fingerprint { get; init; } = "0123456789abcdef";

    /// <summary>Whether it has been freed: then it generates nothing, and what it was generating had to be done.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>How many generations run.</summary>
    public int Running => Volatile.Read(ref _running);

    public int ContextLength => 512;

    public void EnsureRoom(GenerationRequest request)
    {
        if (IsBusy) throw new BusyException("The server is busy: a test says so. Try again later.");
    }

    public async IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Interlocked.Increment(ref _generations);
        Interlocked.Increment(ref _running);
        using var end = new End(() => Interlocked.Decrement(ref _running));
        LastRequest = request;
        Requests.Enqueue(request);
        using CancellationTokenRegistration registration = cancellationToken.Register(() => _cancelled.TrySetResult());
        await BeforeAnswer(cancellationToken);
        int room = Math.Min(request.MaxTokens ?? int.MaxValue, ContextLength - request.PromptTokens.Count);
        IReadOnlyList<TokenChoice>? prompt = request.PromptLogProbabilities is { } top ? [.. request.PromptTokens.Skip(1).Select(id => Tell(request, id, top))] : null;
        foreach (int id in tokenizer.Encode(AnswerTo?.Invoke(request) ?? Answer))
        {
            cancellationToken.ThrowIfCancellationRequested();
            FinishReason? finish = request.StopTokens.Contains(id) ? FinishReason.Stop : --room == 0 ? FinishReason.Length : null;
            yield return new GeneratedToken(Tell(request, id, request.Sampling.LogProbabilities), finish, CachedTokens) { Prompt = prompt };
            prompt = null;
            if (finish is not null)
                yield break;
        }
        await BeforeEnd(cancellationToken);
        yield return new GeneratedToken(Tell(request, tokenizer.Eos, request.Sampling.LogProbabilities), FinishReason.Stop, CachedTokens) { Prompt = prompt };
    }

    private TokenChoice Tell(GenerationRequest request, int id, int? top) => top is null
        ? new TokenChoice(id)
        : new TokenChoice(id, Score(request, id))
        {
            Top = [.. Enumerable.Range(0, top.Value).Select(rank => new TokenLogProbability((id + rank) % tokenizer.VocabularySize, Score(request, id) - rank))],
        };

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private sealed class End(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
