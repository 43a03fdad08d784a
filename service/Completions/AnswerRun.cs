using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>
/// Generates all answers of a completion side by side. The first answer to each prompt goes ahead: what it computes of the prompt, and tells of it, is there for the others. Where one answer
/// fails the others end, and so does the run.
/// </summary>
internal sealed class AnswerRun(Completion completion)
{
    /// <summary>How many answers of one request are in the engine at once: others shall get on beside it.</summary>
    private const int AtOnce = 8;

    /// <summary>Parts that wait for a slow reader; then the answers wait.</summary>
    private const int PartsAhead = 64;

    private static readonly TimeSpan RoomInterval = TimeSpan.FromMilliseconds(50);

    private readonly IInferenceEngine _engine = completion.Engine;
    private readonly Channel<AnswerPart> _parts = Channel.CreateBounded<AnswerPart>(new BoundedChannelOptions(PartsAhead) { SingleReader = true });
    private readonly TaskCompletionSource<PromptEcho?>[] _begun =
        [.. completion.Prompts.Select(_ => new TaskCompletionSource<PromptEcho?>(TaskCreationOptions.RunContinuationsAsynchronously))];

    /// <summary>The parts of all answers as they come; those of one answer in their order.</summary>
    /// <exception cref="Gemma2Exception">What one of the answers failed with.</exception>
    public async IAsyncEnumerable<AnswerPart> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task running = GenerateAllAsync(end.Token);
        try
        {
            await foreach (AnswerPart part in _parts.Reader.ReadAllAsync(cancellationToken))
                yield return part;
        }
        finally
        {
            // Whatever ended this, no answer goes on behind its back.
            await end.CancelAsync();
            await running;
        }
    }

    private async Task GenerateAllAsync(CancellationToken cancellationToken)
    {
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(Enumerable.Range(0, completion.AnswerCount), parallel, GenerateAsync);
            _parts.Writer.Complete();
        }
        catch (Exception error)
        {
            _parts.Writer.Complete(error);
        }
    }

    private async ValueTask GenerateAsync(int answer, CancellationToken cancellationToken)
    {
        (int prompt, int number) = Math.DivRem(answer, completion.Request.Tries);
        if (number > 0)
            await _begun[prompt].Task.WaitAsync(cancellationToken);
        if (completion.Request is { MaxTokens: 0, Sampling.LogProbabilities: null })
            await WriteAsync(PromptOnly(answer, Echo(prompt, null)!), cancellationToken);
        else
            await GenerateAsync(answer, prompt, isFirst: answer == 0, cancellationToken);
    }

    private async Task GenerateAsync(int answer, int prompt, bool isFirst, CancellationToken cancellationToken)
    {
        GenerationRequest generation = completion.Generation(answer);
        await using IAsyncEnumerator<TextPiece> pieces = await BeginAsync(generation, isFirst, cancellationToken);
        PromptEcho? echo = Echo(prompt, pieces.Current.Prompt);
        if (completion.Request.MaxTokens == 0)
        {
            await WriteAsync(PromptOnly(answer, echo!) with { CachedTokens = pieces.Current.CachedTokens }, cancellationToken);
            return;
        }
        if (echo is not null)
            await WriteAsync(new AnswerPart { Answer = answer, IsPrompt = true, Text = echo.Text, Tokens = echo.Tokens }, cancellationToken);
        var reader = new AnswerReader(
            answer, CodePoints.Count(echo?.Text ?? ""), generation.Sampling.LogProbabilities is not null, tellsEnd: !completion.IsChat, generation, _engine);
        do await WriteAsync(reader.Read(pieces.Current), cancellationToken);
        while (await pieces.MoveNextAsync());
    }

    /// <summary>
    /// Waits for an answer's first piece. A request that was let in is not refused any more because there is no room for its other answers: they wait here.
    /// </summary>
    private async Task<IAsyncEnumerator<TextPiece>> BeginAsync(GenerationRequest generation, bool isFirst, CancellationToken cancellationToken)
    {
        while (true)
        {
            IAsyncEnumerator<TextPiece> pieces = _engine.GenerateTextAsync(generation, cancellationToken).GetAsyncEnumerator(cancellationToken);
            try
            {
                if (await pieces.MoveNextAsync())
                    return pieces;
                throw new OperationCanceledException("The engine has stopped.");
            }
            catch (BusyException) when (!isFirst)
            {
                await pieces.DisposeAsync();
            }
            catch
            {
                await pieces.DisposeAsync();
                throw;
            }
            await Task.Delay(RoomInterval, cancellationToken);
        }
    }

    /// <summary>The prompt as the answer begins with it, where that is wanted. The first answer to it finds out what is told, for all.</summary>
    private PromptEcho? Echo(int prompt, IReadOnlyList<TokenChoice>? scores)
    {
        if (!_begun[prompt].Task.IsCompleted)
            _begun[prompt].SetResult(completion.Request.Echo ? PromptEcho.Of(completion.Prompts[prompt], scores, _engine.Tokenizer!) : null);
        return _begun[prompt].Task.Result;
    }

    private static AnswerPart PromptOnly(int answer, PromptEcho echo) =>
        new() { Answer = answer, IsPrompt = true, Text = echo.Text, Tokens = echo.Tokens, Finish = FinishReason.Length };

    private ValueTask WriteAsync(AnswerPart part, CancellationToken cancellationToken) => _parts.Writer.WriteAsync(part, cancellationToken);
}
