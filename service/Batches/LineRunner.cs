using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Storage.Batches;

namespace Gemma2.Service.Batches;

/// <summary>Runs lines of batches, as many at once in this process as the engine works on.</summary>
internal sealed class LineRunner(CompletionFactory factory, LineLimiter limiter, ThroughputMeter meter, BatchTokens tokens)
{
    /// <summary>Runs lines, and hands out each result as it comes.</summary>
    /// <param name="batch">Whose lines they are.</param>
    /// <param name="engine">The model.</param>
    /// <param name="lines">Good ones.</param>
    /// <param name="finished">Takes the results, from several threads.</param>
    /// <param name="turn">Its end: no line is begun any more.</param>
    /// <param name="cancellationToken">Lines in hand are given up.</param>
    /// <exception cref="DeviceException">The device failed.</exception>
    /// <exception cref="OperationCanceledException">Lines were given up, or the engine has stopped.</exception>
    public Task RunAsync(
        BatchRecord batch, IInferenceEngine engine, IReadOnlyList<BatchLine> lines, Action<ChunkLine> finished,
        CancellationToken turn, CancellationToken cancellationToken)
    {
        var output = new BatchOutput(batch.Key);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = limiter.Most, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(lines, parallel, async (line, token) =>
        {
            if (!await MayBeginAsync(batch.Key.Owner, turn, token))
                return;
            await limiter.WaitAsync(token);
            try
            {
                if (!turn.IsCancellationRequested)
                    finished(await RunOneAsync(batch.Key.Owner, output, batch.CreatedAt, engine, line, token));
            }
            finally
            {
                limiter.Release();
            }
        });
    }

    /// <summary>Waits until the owner's limit lets a line begin; false when the turn ended before.</summary>
    private async Task<bool> MayBeginAsync(string? owner, CancellationToken turn, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(turn, cancellationToken);
        try
        {
            await tokens.WaitAsync(owner, end.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task<ChunkLine> RunOneAsync(
        string? owner, BatchOutput output, DateTimeOffset created, IInferenceEngine engine, BatchLine line, CancellationToken cancellationToken)
    {
        long taken = 0;
        meter.Begin();
        try
        {
            Completion completion = await factory.CreateAsync(
                engine, line.Request!, output.IdOf(line.Number), created, line.Seed, RequestClass.Batch, cancellationToken);
            CompletionResult result = await completion.RunAsync(cancellationToken);
            taken = result.PromptTokens + result.CompletionTokens;
            return output.Answered(line, completion, result);
        }
        // What would fail in the same way again; all else is no fault of the line.
        catch (Gemma2Exception error) when (error is ApiException or InvalidRequestException or GenerationException)
        {
            return output.Failed(line, ApiError.FromException(error));
        }
        finally
        {
            meter.End(taken);
            tokens.Pay(owner, taken);
        }
    }
}
