using System.Runtime.CompilerServices;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
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

    /// <summary>Measures a request against the model.</summary>
    /// <param name="engine">The loaded model.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="id">Names the answer; APIs put a prefix before it that tells its kind.</param>
    /// <param name="created">When the request was made.</param>
    /// <param name="seed">Makes the answer repeatable.</param>
    /// <param name="requestClass">Who goes first.</param>
    /// <exception cref="ApiException">Another model is asked for, or prompt and answer do not fit the context.</exception>
    /// <exception cref="InvalidRequestException">The prompt cannot be put to the model, or a field names a token that it does not have.</exception>
    public Completion(IInferenceEngine engine, CompletionRequest request, string id, DateTimeOffset created, long seed, RequestClass requestClass)
    {
        if (request.Model != engine.ModelName)
            throw new ApiException(ApiError.ModelNotFound(RequestFields.Quote(request.Model), engine.ModelName));
        (Engine, Request, Id, Created, Seed, Class) = (engine, request, id, created, seed, requestClass);
        Sampling = request.Sampling.Over(engine.SamplingDefaults);
        Prompts = [.. request.Prompts.Select(prompt => PromptEncoder.Encode(engine, prompt))];
        CompletionCheck.Require(engine, request, Prompts);
        Fingerprint = SystemFingerprint.Of(engine);
    }

    public IInferenceEngine Engine { get; }

    public CompletionRequest Request { get; }

    /// <summary>How tokens are picked, but for the seed.</summary>
    public SamplingOptions Sampling { get; }

    /// <summary>What is gone on from.</summary>
    public IReadOnlyList<EncodedPrompt> Prompts { get; }

    /// <summary>Who goes first.</summary>
    public RequestClass Class { get; }

    /// <summary>Names the answer; APIs put a prefix before it that tells its kind.</summary>
    public string Id { get; }

    public DateTimeOffset Created { get; }

    public long Seed { get; }

    /// <summary>Changes when the same seed may give another answer.</summary>
    public string Fingerprint { get; }

    public bool IsChat => Request.IsChat;

    /// <summary>Makes the mask of an answer; null where answers may look like anything.</summary>
    public Func<ITokenMask>? NewMask { get; set; }

    /// <summary>Tokens of the prompts, each counted once however many answers it gets.</summary>
    public int PromptTokens => Prompts.Sum(prompt => prompt.Tokens.Count);

    /// <summary>How many answers are generated.</summary>
    public int AnswerCount => Request.AnswerCount;

    /// <summary>What the engine is to generate for an answer.</summary>
    /// <param name="answer">Its number, see <see cref="AnswerPart.Answer"/>.</param>
    public GenerationRequest Generation(int answer)
    {
        EncodedPrompt prompt = Prompts[answer / Request.Tries];
        // What is not told may still be wanted, to find the best.
        int? told = Sampling.LogProbabilities;
        int? wanted = told ?? (Request.Tries > Request.Answers ? 0 : null);
        int? most = Request.MaxTokens ?? Request.UsualMaxTokens;
        return new GenerationRequest
        {
            PromptTokens = prompt.Tokens,
            Class = Class,
            // The engine tells of a prompt with the first token after it.
            MaxTokens = most == 0 ? 1 : most,
            Sampling = (Sampling with { Seed = unchecked((ulong)Seed), LogProbabilities = wanted }).ForAnswer(answer),
            PromptLogProbabilities = Request.Echo && answer % Request.Tries == 0 ? told : null,
            Mask = NewMask?.Invoke(),
            Stop = Request.Stop,
            StopTokens = Request.StopTokens,
            IgnoreEndTokens = Request.IgnoresEnd,
            Drafts = Request.Drafts,
        };
    }

    /// <summary>Throws where the engine would not let the request wait for its turn: to be asked before an answer is begun.</summary>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public void EnsureRoom() => Engine.EnsureRoom(new GenerationRequest { PromptTokens = Prompts[0].Tokens, Class = Class });

    /// <summary>Generates part by part, the answers side by side.</summary>
    public async IAsyncEnumerable<AnswerPart> StreamAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeLimit);
        await using IAsyncEnumerator<AnswerPart> parts = new AnswerRun(this).RunAsync(limit.Token).GetAsyncEnumerator(limit.Token);
        while (true)
        {
            try
            {
                if (!await parts.MoveNextAsync())
                    yield break;
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new ApiException(ApiError.TimedOut(TimeLimit));
            }
            yield return parts.Current;
        }
    }

    /// <summary>Generates the whole answer.</summary>
    public async Task<CompletionResult> RunAsync(CancellationToken cancellationToken)
    {
        var result = new CompletionResult(this);
        await foreach (AnswerPart part in StreamAsync(cancellationToken))
            result.Add(part);
        return result;
    }

    /// <summary>A seed for a request that has none. It is exact in JSON numbers as every language reads them.</summary>
    public static long RandomSeed() => Random.Shared.NextInt64(1L << 53);
}
