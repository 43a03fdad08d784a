using System.Diagnostics;

namespace Gemma2.Benchmarks.Sides.Loads;

/// <summary>The clients of a load.</summary>
/// <param name="side">What answers.</param>
/// <param name="load">What is sent.</param>
internal sealed class LoadRun(ISide side, Load load)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<RequestTimes> _requests = [];
    private readonly TaskCompletionSource _endlessRun = new();
    private int _endlessToStart;
    private double _drySeconds;

    /// <summary>Sends all requests.</summary>
    public async Task<LoadResult> RunAsync()
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        using var end = new CancellationTokenSource();
        _endlessToStart = load.Lanes.Where(lane => lane.Requests is null).Sum(lane => lane.Clients);
        Task endless = Task.WhenAll(Clients(isEndless: true, end.Token));
        if (_endlessToStart > 0) await await Task.WhenAny(_endlessRun.Task, endless);
        await Task.WhenAll(Clients(isEndless: false, CancellationToken.None));
        await end.CancelAsync();
        await endless;
        return new LoadResult(_requests, _drySeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }

    private double Now => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    private IEnumerable<Task> Clients(bool isEndless, CancellationToken end)
    {
        foreach ((int number, Lane lane) in load.Lanes.Index())
        {
            if (lane.Requests is null != isEndless) continue;
            var requests = new LaneRequests(lane, side.Description.VocabularySize);
            for (int client = 0; client < lane.Clients; client++) yield return Task.Run(() => SendAsync(number, requests, end), CancellationToken.None);
        }
    }

    private async Task SendAsync(int lane, LaneRequests requests, CancellationToken end)
    {
        bool isEndless = end.CanBeCanceled, isFirst = true;
        while (!end.IsCancellationRequested && requests.TryTake(out LoadRequest request, out double pause, out bool isLast))
        {
            if (isLast) _drySeconds = Math.Max(_drySeconds, Now);
            if (pause > 0) await Task.Delay(TimeSpan.FromSeconds(pause), CancellationToken.None);
            await SendAsync(lane, request, isEndless && isFirst, end);
            isFirst = false;
        }
    }

    private async Task SendAsync(int lane, LoadRequest request, bool startsEndless, CancellationToken end)
    {
        double sent = Now;
        int cached = 0;
        List<double> tokens = new(request.NewTokens), processor = new(request.NewTokens);
        try
        {
            await foreach (ServedToken token in side.ServeAsync(request, end))
            {
                cached = token.CachedTokens;
                tokens.Add(Now);
                processor.Add(Environment.CpuUsage.TotalTime.TotalSeconds);
                if (startsEndless && tokens.Count == 1 && Interlocked.Decrement(ref _endlessToStart) == 0) _endlessRun.SetResult();
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The load is over.
        }
        if (tokens.Count == 0) return;
        lock (_requests) _requests.Add(new RequestTimes(lane, sent, request.Prompt.Length, cached, tokens, processor, tokens.Count == request.NewTokens));
    }
}
