using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>A job while its answer is generated: it ends when its result has come from elsewhere.</summary>
internal sealed class RunningJob : IAsyncDisposable
{
    // How soon a cancellation is seen that another process wrote.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _end;
    private readonly Action<RunningJob> _ended;
    private readonly Task _watch;

    /// <param name="key">The job.</param>
    /// <param name="work">Storage.</param>
    /// <param name="noteInterval">How often others are told that somebody works on it: more often than they take it for lost.</param>
    /// <param name="ended">Told when it has ended.</param>
    /// <param name="cancellationToken">Ends it for another reason.</param>
    public RunningJob(OwnedId key, JobWork work, TimeSpan noteInterval, Action<RunningJob> ended, CancellationToken cancellationToken)
    {
        _end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ended = ended;
        _watch = Task.WhenAll(WatchAsync(key, work.Results), NoteWorkAsync(key, work, noteInterval));
    }

    /// <summary>Cancelled when the job has its result, or is to end for another reason.</summary>
    public CancellationToken Ended => _end.Token;

    /// <summary>True when the job has got its result from elsewhere.</summary>
    public bool HasResult { get; private set; }

    /// <summary>Says that the job has got its result.</summary>
    public void Stop()
    {
        HasResult = true;
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself at this moment.
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ended(this);
        await _end.CancelAsync();
        await _watch;
        _end.Dispose();
    }

    private async Task WatchAsync(OwnedId key, ResultStore results)
    {
        try
        {
            do
                await Task.Delay(LookInterval, _end.Token);
            while (!await IsThereAsync(key, results));
            Stop();
        }
        catch (OperationCanceledException)
        {
            // The job has ended.
        }
    }

    private async Task NoteWorkAsync(OwnedId key, JobWork work, TimeSpan interval)
    {
        try
        {
            do
                await Task.Delay(interval, _end.Token);
            while (await TryNoteWorkAsync(key, work));
        }
        catch (OperationCanceledException)
        {
            // The job has ended.
        }
    }

    private async Task<bool> TryNoteWorkAsync(OwnedId key, JobWork work)
    {
        try
        {
            return await work.TryNoteWorkAsync(key, _end.Token);
        }
        catch (StorageException)
        {
            // While storage is away nobody takes the job for lost.
            return true;
        }
    }

    private async Task<bool> IsThereAsync(OwnedId key, ResultStore results)
    {
        try
        {
            return await results.ExistsAsync(key, _end.Token);
        }
        catch (StorageException)
        {
            // A cancellation is seen later; the job goes on.
            return false;
        }
    }
}
