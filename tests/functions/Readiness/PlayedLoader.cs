using System.Collections.Concurrent;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Startup;
using Gemma2.Service.Model;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary>A loader whose loads end as a test says, one after the other; the last one's way is that of all further ones.</summary>
internal sealed class PlayedLoader(params Func<CancellationToken, Task<IInferenceEngine>>[] loads) : IEngineLoader
{
    private readonly ConcurrentQueue<string> _calls = [];
    private readonly ConcurrentDictionary<IInferenceEngine, string?> _versions = [];
    private int _loads;

    /// <summary>The version that is there.</summary>
    public string? Version { get; set; } = "one";

    /// <summary>Whether there is room for two.</summary>
    public bool FitsBeside { get; set; } = true;

    /// <summary>What is wrong with the model that is there.</summary>
    public Exception? Fault { get; set; }

    /// <summary>How often it was to load.</summary>
    public int Loads => Volatile.Read(ref _loads);

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyCollection<string> Calls => _calls;

    /// <inheritdoc />
    public StartupTimeline Timeline { get; } = StartupTimeline.FromNow();

    StartupTimeline? IEngineLoader.Timeline => Timeline;

    /// <summary>A load that succeeds at once.</summary>
    public static Func<CancellationToken, Task<IInferenceEngine>> Gives(IInferenceEngine engine) => _ => Task.FromResult(engine);

    /// <summary>A load that fails.</summary>
    public static Func<CancellationToken, Task<IInferenceEngine>> Fails(Exception error) => _ => Task.FromException<IInferenceEngine>(error);

    /// <summary>A load that succeeds when a test says so.</summary>
    public static Func<CancellationToken, Task<IInferenceEngine>> Waits(Task<IInferenceEngine> engine) => engine.WaitAsync;

    /// <inheritdoc />
    public async Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken)
    {
        _calls.Enqueue("load");
        progress.Report(new LoadProgress(10, 40));
        string? version = Version;
        IInferenceEngine engine = await loads[Math.Min(Interlocked.Increment(ref _loads), loads.Length) - 1](cancellationToken);
        _versions[engine] = version;
        return engine;
    }

    /// <inheritdoc />
    public string? VersionOf(IInferenceEngine engine) => _versions[engine];

    /// <inheritdoc />
    public Task<string?> FindVersionAsync(CancellationToken cancellationToken) => Task.FromResult(Version);

    /// <inheritdoc />
    public Task<bool> FitsBesideAsync(IInferenceEngine loaded, CancellationToken cancellationToken) => Task.FromResult(FitsBeside);

    /// <inheritdoc />
    public Task CheckAsync(CancellationToken cancellationToken)
    {
        _calls.Enqueue("check");
        return Fault is null ? Task.CompletedTask : Task.FromException(Fault);
    }
}
