using Gemma2.Cli.Hub;
using Gemma2.Cli.Models;
using Gemma2.Storage.Models;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests.Hub;

/// <summary>A test with a hub of its own.</summary>
public abstract class HubTest : IAsyncLifetime
{
    private protected const string Repository = "google/gemma-2-test";

    private readonly TemporaryFolder _folder = new();

    private protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private protected FakeHub Hub { get; } = new();

    /// <summary>A folder that is not there yet.</summary>
    private protected string Folder => _folder.File("gemma-2-test");

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => Hub.InitializeAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Hub.DisposeAsync();
        _folder.Dispose();
    }

    private protected HubClient Client(string? token = null, HubTuning? tuning = null) => new(new HubSettings(Hub.Address, token), tuning ?? new HubTuning
    {
        BaseDelay = TimeSpan.FromMilliseconds(1),
        MaxDelay = TimeSpan.FromMilliseconds(5),
    });

    /// <summary>Brings a model into <see cref="Folder"/>.</summary>
    private protected async Task<FolderDownload> DownloadAsync(string reference = "hf:" + Repository, HubClient? client = null)
    {
        using HubClient own = client ?? Client();
        IReadOnlyList<HubFile> files = await HubFile.FindAsync(own, HubReference.Parse(reference)!, Cancel);
        var download = new FolderDownload(Folder, files.Sum(file => file.Length), progress: null);
        await download.RunAsync(files, Cancel);
        return download;
    }

    /// <summary>The names of the files in <see cref="Folder"/>, sorted.</summary>
    private protected string[] There() => Directory.Exists(Folder) ? [.. Directory.EnumerateFiles(Folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)] : [];

    private protected byte[] Read(string file) => File.ReadAllBytes(Path.Combine(Folder, file));
}
