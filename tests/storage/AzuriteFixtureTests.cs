using Azure.Storage.Blobs;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

public class AzuriteFixtureTests(AzuriteFixture azurite)
{
    [Fact]
    public async Task NewConnectionString_Twice_GivesSeparateEmptyAccounts()
    {
        var cancel = TestContext.Current.CancellationToken;
        var first = new BlobContainerClient(azurite.NewConnectionString(), "box");
        var second = new BlobContainerClient(azurite.NewConnectionString(), "box");
        await first.CreateAsync(cancellationToken: cancel);

        Assert.True((await first.ExistsAsync(cancel)).Value);
        Assert.False((await second.ExistsAsync(cancel)).Value);
    }
}
