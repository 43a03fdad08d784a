using Gemma2.Backend;
using Gemma2.Service.Http.Streaming;
using Gemma2.Service.Model;
using Gemma2.Service.Options;

namespace Gemma2.Service.Http.Completions;

/// <summary>Lets requests wait that come before the model is ready: a bounded number of them, for a bounded time. Keys and limits of requests were checked by then.</summary>
internal sealed class EarlyRequests(ModelHost model, Gemma2Options options, StreamOptions streams)
{
    private int _waiting;

    /// <summary>How many wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Takes the model for a request that generates nothing. Its own time begins when the model is ready.</summary>
    /// <exception cref="Api.ApiException">Status 503: it is not ready in time.</exception>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public async Task<EngineLease> TakeAsync(HttpContext http)
    {
        if (model.TryTake() is { } ready)
            return ready;
        http.LiftTimeLimit();
        EngineLease lease = await WaitAsync(task => task, http.RequestAborted);
        http.SetTimeLimit(TimeSpan.FromSeconds(options.RequestSeconds));
        return lease;
    }

    /// <summary>Takes the model for a completion.</summary>
    /// <param name="stream">Where the answer will be streamed: it is begun, and kept awake, when the wait is long; null for one that comes whole.</param>
    /// <param name="cancellationToken">Waits no longer.</param>
    /// <exception cref="Api.ApiException">Status 503: it is not ready in time.</exception>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public async Task<EngineLease> TakeAsync(ServerSentEvents? stream, CancellationToken cancellationToken)
    {
        if (model.TryTake() is { } ready)
            return ready;
        return await WaitAsync(task => stream is null ? task : task.WithHeartbeatsAsync(streams, () => BeatAsync(stream), cancellationToken), cancellationToken);
    }

    private async Task<EngineLease> WaitAsync(Func<Task, Task> awake, CancellationToken cancellationToken)
    {
        if (options.StartupWaitSeconds == 0)
            throw model.StillLoading();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(TimeSpan.FromSeconds(options.StartupWaitSeconds));
        try
        {
            if (Interlocked.Increment(ref _waiting) > options.MaxWaitingRequests)
                throw new BusyException($"The model is still being loaded, and {options.MaxWaitingRequests} requests wait for it, which is the most that may. Try again later.");
            while (true)
            {
                await awake(model.WaitForEngineAsync(end.Token));
                if (model.TryTake() is { } lease)
                    return lease;
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw model.StillLoading();
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private static async Task BeatAsync(ServerSentEvents stream)
    {
        if (!stream.HasStarted)
            await stream.StartAsync();
        await stream.HeartbeatAsync();
    }
}
