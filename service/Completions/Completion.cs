using System.Runtime.CompilerServices;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;

namespace Gemma2.Service.Completions;

/// <summary>A request that the loaded model can answer, ready to run.</summary>
internal sealed class Completion
{
    /// <summary>
    /// The longest time that a request or job may take. It ends before host.json's functionTimeout, at which the Functions host would kill the whole
    /// process and with it every other request.
    /// </summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(50);

    /// <summary>What OpenAI's <c>/v1/completions</c> makes when <c>max_tokens</c> is left out; a chat goes on to the end of the context.</summary>
    private const int DefaultTextTokens = 16;

    private readonly IInferenceEngine _engine;

    /// <summary>Measures a request against the model.</summary>
    /// <param name="engine">The loaded model.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="id">Names the answer, without the prefix that tells its kind.</param>
    /// <param name="created">When the request was made.</param>
    /// <param name="seed">Makes the answer repeatable.</param>
    /// <param name="requestClass">Who goes first.</param>
    /// <exception cref="ApiException">Another model is asked for, or prompt and answer do not fit the context.</exception>
    /// <exception cref="InvalidRequestException">The prompt cannot be put to the model.</exception>
    public Completion(IInferenceEngine engine, CompletionRequest request, string id, DateTimeOffset created, long seed, RequestClass requestClass)
    {
        if (request.Model != engine.ModelName)
            throw new ApiException(ApiError.ModelNotFound(RequestFields.Quote(request.Model), engine.ModelName));
        IReadOnlyList<int> prompt = PromptEncoder.Encode(engine, request.Prompt);
        CheckFits(prompt.Count, request, engine.ContextLength);
        (_engine, Request, Created, Seed) = (engine, request, created, seed);
        Id = (IsChat ? "chatcmpl-" : "cmpl-") + id;
        Fingerprint = SystemFingerprint.Of(engine);
        Generation = new GenerationRequest
        {
            PromptTokens = prompt,
            Class = requestClass,
            MaxTokens = request.MaxTokens ?? DefaultMaxTokens(engine.ContextLength - prompt.Count),
            Sampling = request.Sampling with { Seed = unchecked((ulong)seed) },
            Stop = request.Stop,
            Drafts = request.Drafts,
        };
    }

    public CompletionRequest Request { get; }

    public GenerationRequest Generation { get; }

    /// <summary>The answer's id in OpenAI's form.</summary>
    public string Id { get; }

    public DateTimeOffset Created { get; }

    public long Seed { get; }

    /// <summary>Changes when the same seed may give another answer.</summary>
    public string Fingerprint { get; }

    public bool IsChat => Request.Prompt is Prompt.Chat;

    /// <summary>Throws where the engine would not let the request wait for its turn: to be asked before an answer is begun.</summary>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public void EnsureRoom() => _engine.EnsureRoom(Generation);

    /// <summary>Generates piece by piece.</summary>
    public async IAsyncEnumerable<TextPiece> StreamAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeLimit);
        await using IAsyncEnumerator<TextPiece> pieces = _engine.GenerateTextAsync(Generation, limit.Token).GetAsyncEnumerator(limit.Token);
        while (true)
        {
            try
            {
                if (!await pieces.MoveNextAsync())
                    yield break;
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new ApiException(ApiError.TimedOut(TimeLimit));
            }
            yield return pieces.Current;
        }
    }

    /// <summary>Generates the whole answer.</summary>
    public async Task<CompletionResult> RunAsync(CancellationToken cancellationToken)
    {
        var result = new CompletionResult(Generation.PromptTokens.Count);
        await foreach (TextPiece piece in StreamAsync(cancellationToken))
            result.Add(piece);
        return result;
    }

    /// <summary>A seed for a request that has none. It is exact in JSON numbers as every language reads them.</summary>
    public static long RandomSeed() => Random.Shared.NextInt64(1L << 53);

    private static void CheckFits(int promptTokens, CompletionRequest request, int contextLength)
    {
        int wanted = request.MaxTokens ?? 1;
        if ((long)promptTokens + wanted > contextLength)
            throw new ApiException(ApiError.BadRequest(
                $"The context holds {contextLength} tokens; the prompt has {promptTokens} and the answer may take {wanted}. "
                + "Shorten the prompt or lower max_tokens.",
                request.Prompt is Prompt.Chat ? "messages" : "prompt", "context_length_exceeded"));
    }

    private int? DefaultMaxTokens(int room) => IsChat ? null : Math.Min(DefaultTextTokens, room);
}
