using Gemma2.Service.Options;

namespace Gemma2.Service.Batches;

/// <summary>
/// Lets as many lines run at once in this process as the engine works on: more would only wait in its line, and requests over HTTP behind them.
/// </summary>
internal sealed class LineLimiter(Gemma2Options options) : IDisposable
{
    private readonly SemaphoreSlim _free = new(options.MaxSequences);

    /// <summary>How many lines run at once.</summary>
    public int Most => options.MaxSequences;

    public Task WaitAsync(CancellationToken cancellationToken) => _free.WaitAsync(cancellationToken);

    public void Release() => _free.Release();

    public void Dispose() => _free.Dispose();
}
