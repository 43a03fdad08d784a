using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Gemma2.Backend.Pipelines;
using Gemma2.Storage.Models;
using Gemma2.Storage.Pipelines;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Pipelines;

public sealed class PipelineStoreTests(AzuriteFixture azurite)
{
    private const string Key = "llvmpipe-0123";

    private static readonly byte[] _archive = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 31))];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TryRead_NoContainerOrNoBlob_IsNothing()
    {
        var storage = new TestStorage(azurite);
        var store = new PipelineStore(storage.Connection);

        Assert.Null(await store.TryReadAsync(Key, Cancel));
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        Assert.Null(await store.TryReadAsync(Key, Cancel));
    }

    [Fact]
    public async Task TryWrite_First_IsReadByOthersAndIsNoModel()
    {
        TestStorage storage = await NewAsync();

        Assert.True(await new PipelineStore(storage.Connection).TryWriteAsync(Key, _archive, null, Cancel));

        Assert.Equal(_archive, (await new PipelineStore(storage.Connection).TryReadAsync(Key, Cancel))!.Archive.ToArray());
        Assert.True(await storage.Blob("models", $"_pipelines/{Key}").ExistsAsync(Cancel));
        Assert.Empty(await new ModelStore(storage.Connection).ListAsync(Cancel));
        Assert.False(ModelName.IsValid("_pipelines"));
    }

    [Fact]
    public async Task TryWrite_SecondOfTwo_LeavesTheFirst()
    {
        TestStorage storage = await NewAsync();
        var store = new PipelineStore(storage.Connection);
        await store.TryWriteAsync(Key, _archive, null, Cancel);

        Assert.False(await store.TryWriteAsync(Key, new byte[] { 1 }, null, Cancel));

        Assert.Equal(_archive, (await store.TryReadAsync(Key, Cancel))!.Archive.ToArray());
    }

    [Fact]
    public async Task TryWrite_OfAVersion_ReplacesThatOneAlone()
    {
        TestStorage storage = await NewAsync();
        var store = new PipelineStore(storage.Connection);
        await store.TryWriteAsync(Key, new byte[] { 1 }, null, Cancel);
        StoredPipelines first = (await store.TryReadAsync(Key, Cancel))!;

        Assert.True(await store.TryWriteAsync(Key, _archive, first.Version, Cancel));
        Assert.False(await store.TryWriteAsync(Key, new byte[] { 2 }, first.Version, Cancel));

        Assert.Equal(_archive, (await store.TryReadAsync(Key, Cancel))!.Archive.ToArray());
        await storage.Blob("models", $"_pipelines/{Key}").DeleteAsync(cancellationToken: Cancel);
        Assert.False(await store.TryWriteAsync(Key, new byte[] { 2 }, first.Version, Cancel));
    }

    [Fact]
    public async Task TryRead_BlobThatIsFarTooLarge_IsReadAsNothingToBeReplaced()
    {
        TestStorage storage = await NewAsync();
        PageBlobClient huge = storage.Blobs.GetBlobContainerClient("models").GetPageBlobClient($"_pipelines/{Key}");
        await huge.CreateAsync(1L << 30, cancellationToken: Cancel);
        var store = new PipelineStore(storage.Connection);

        StoredPipelines stored = (await store.TryReadAsync(Key, Cancel))!;

        Assert.Equal(0, stored.Archive.Length);
        Assert.Equal((await huge.GetPropertiesAsync(cancellationToken: Cancel)).Value.ETag.ToString(), stored.Version);
    }

    [Fact]
    public async Task TryRead_Cancelled_EndsAtOnce()
    {
        TestStorage storage = await NewAsync();
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new PipelineStore(storage.Connection).TryReadAsync(Key, cancel.Token));
    }

    private async Task<TestStorage> NewAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return storage;
    }
}
