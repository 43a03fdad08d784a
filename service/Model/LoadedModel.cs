using Gemma2.Backend.Engine;

namespace Gemma2.Service.Model;

/// <summary>One version of the model in an engine, and how many use it.</summary>
/// <param name="engine">The engine.</param>
/// <param name="version">Names the version, see <see cref="IEngineLoader.FindVersionAsync"/>; null where it is not known.</param>
internal sealed class LoadedModel(IInferenceEngine engine, string? version) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _retiring = new();
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _leases;
    private bool _isRetired;

    public IInferenceEngine Engine => engine;

    public string? Version => version;

    /// <summary>When it was ready.</summary>
    public DateTimeOffset LoadedAt { get; } = DateTimeOffset.UtcNow;

    /// <summary>Another takes its place.</summary>
    public CancellationToken Retiring => _retiring.Token;

    /// <summary>Takes it into use; null where it is retired.</summary>
    public EngineLease? TryTake()
    {
        lock (_lock)
        {
            if (_isRetired)
                return null;
            _leases++;
            return new EngineLease(this);
        }
    }

    /// <summary>Lets nobody take it any more, and waits until those who have it are done.</summary>
    public async Task RetireAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _isRetired = true;
            CompleteIfUnused();
        }
        await _retiring.CancelAsync();
        await _unused.Task.WaitAsync(cancellationToken);
    }

    /// <summary>One who had it is done.</summary>
    public void Return()
    {
        lock (_lock)
        {
            _leases--;
            CompleteIfUnused();
        }
    }

    /// <summary>Frees the device's memory.</summary>
    public async ValueTask DisposeAsync()
    {
        await engine.DisposeAsync();
        _retiring.Dispose();
    }

    private void CompleteIfUnused()
    {
        if (_isRetired && _leases == 0)
            _unused.TrySetResult();
    }
}
