using Gemma2.Testing;

namespace Gemma2.Worker.Tests;

/// <summary>One app under the played host and the same by itself, for all tests that leave both as they are; started by the first that asks.</summary>
public sealed class SharedApps(PublishedFolder folder, AzuriteFixture azurite) : IAsyncDisposable
{
    /// <summary>The key to the host's /admin.</summary>
    internal const string MasterKey = "master";

    private App? _hosted;
    private App? _selfHosted;
    private Account? _account;

    /// <summary>The app under the played host, and its account.</summary>
    internal async Task<(App App, Account Account)> HostedAsync()
    {
        if (_hosted is null)
        {
            string connectionString = azurite.NewConnectionString();
            _account = await Account.CreateAsync(connectionString);
            _hosted = App.StartHosted(folder, connectionString, null, "--master-key", MasterKey);
        }
        await _hosted.WaitUntilReadyAsync();
        return (_hosted, _account!);
    }

    /// <summary>The app by itself.</summary>
    internal async Task<App> SelfHostedAsync()
    {
        _selfHosted ??= App.StartSelfHosted(folder, azurite.NewConnectionString());
        await _selfHosted.WaitUntilReadyAsync();
        return _selfHosted;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_hosted is not null) await _hosted.DisposeAsync();
        if (_selfHosted is not null) await _selfHosted.DisposeAsync();
    }
}

/// <summary>The tests that share them.</summary>
[CollectionDefinition(nameof(SharedApps))]
public sealed class TestsOfSharedApps : ICollectionFixture<SharedApps>;
