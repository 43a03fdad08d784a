using System.Security.Cryptography;
using Azure.Core;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
using Gemma2.Storage.Files;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Files;

public class FileStoreTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, 1)]
    [InlineData("team-a", 5_000)]
    [InlineData("team-a", 4 << 20)]
    [InlineData(null, (9 << 20) + 17)]
    public async Task Upload_AnyLength_IsReadBack(string? owner, int length)
    {
        var (storage, files) = await NewStoreAsync();
        byte[] content = RandomNumberGenerator.GetBytes(length);
        var key = new OwnedId(owner, FileStore.NewId());
        var sent = new SentBytes();

        StoredFile stored = await files.UploadAsync(key, "input.jsonl", FileStore.BatchPurpose, new MemoryStream(content), sent, Cancel);

        Assert.Equal((key, "input.jsonl", "batch", (long)length), (stored.Key, stored.Name, stored.Purpose, stored.Bytes));
        Assert.Equal((await storage.Blob(StorageNames.Files, key.Path).GetPropertiesAsync(cancellationToken: Cancel)).Value.CreatedOn, stored.CreatedAt);
        Assert.Equal(stored, await files.TryGetAsync(key, Cancel));
        Assert.Equal(content, await ReadAsync(files, key));
        Assert.Equal(length, sent.Last);
    }

    [Fact]
    public async Task Upload_WithALifetime_IsGoneWhenThatIsOver()
    {
        var (_, files) = await NewStoreAsync();
        OwnedId kept = new("team-a", FileStore.NewId()), gone = new("team-a", FileStore.NewId());

        StoredFile stored = await files.UploadAsync(kept, "x", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel, () => TimeSpan.FromHours(1));
        await files.UploadAsync(gone, "x", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel, () => TimeSpan.Zero);

        Assert.Equal(stored.CreatedAt + TimeSpan.FromHours(1), stored.ExpiresAt);
        Assert.Equal(stored, await files.TryGetAsync(kept, Cancel));
        Assert.Null(await files.TryGetAsync(gone, Cancel));
        Assert.Null(await files.TryOpenReadAsync(gone, 0, null, Cancel));
        Assert.False(await files.DeleteAsync(gone, Cancel));
        Assert.Equal([kept], await files.ListAsync("team-a", Cancel).Select(file => file.Key).ToListAsync(Cancel));
        // What needs it still reads it.
        Assert.NotNull(await files.TryGetAsync(gone, Cancel, evenExpired: true));
        await using Stream? stream = await files.TryOpenReadAsync(gone, 0, null, Cancel, evenExpired: true);
        Assert.Equal(1, stream!.ReadByte());
    }

    [Theory]
    [InlineData("../../models/nano/config.json")]
    [InlineData("C:\\temp\\ü 世界 👋.jsonl")]
    [InlineData("a\r\nx-ms-meta-purpose: other")]
    [InlineData("\0")]
    public async Task Upload_HostileName_IsOnlyAName(string name)
    {
        var (storage, files) = await NewStoreAsync();
        var key = new OwnedId(null, FileStore.NewId());

        await files.UploadAsync(key, name, FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel);

        Assert.Equal((name, "batch"), ((await files.TryGetAsync(key, Cancel))!.Name, (await files.TryGetAsync(key, Cancel))!.Purpose));
        Assert.Equal([key.Path], await BlobsAsync(storage));
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(3, 4)]
    [InlineData(9_000_000, 9_000_001)]
    [InlineData(4_194_300, 4_194_310)]
    public async Task TryOpenRead_Part_GivesThatPart(int start, int end)
    {
        var (_, files) = await NewStoreAsync();
        byte[] content = RandomNumberGenerator.GetBytes(9_000_001);
        var key = new OwnedId(null, FileStore.NewId());
        await files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream(content), null, Cancel);

        Assert.Equal(content[start..end], await ReadAsync(files, key, start, end - start));
        Assert.Equal(content[start..], await ReadAsync(files, key, start, long.MaxValue));
        Assert.Empty(await ReadAsync(files, key, content.Length + 5L, 10));
    }

    [Fact]
    public async Task TryOpenRead_BrokenDownloads_AreTakenUpAgain()
    {
        var (storage, files) = await NewStoreAsync();
        byte[] content = RandomNumberGenerator.GetBytes(9_000_000);
        var key = new OwnedId("team-a", FileStore.NewId());
        await files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream(content), null, Cancel);
        storage.Faults.Play(FaultTransport.BreakBody, request => request.Method == RequestMethod.Get, times: 3);

        Assert.Equal(content, await ReadAsync(files, key));
    }

    [Fact]
    public async Task TryOpenRead_Cancelled_EndsTheReads()
    {
        var (storage, files) = await NewStoreAsync();
        var key = new OwnedId(null, FileStore.NewId());
        await files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream([1, 2, 3]), null, Cancel);
        storage.Faults.Play(FaultTransport.Hang, request => request.Method == RequestMethod.Get);
        using var cancel = new CancellationTokenSource();
        await using Stream stream = (await files.TryOpenReadAsync(key, 0, null, cancel.Token))!;
        ValueTask<int> read = stream.ReadAsync(new byte[3], Cancel);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await read);
    }

    [Fact]
    public async Task Upload_RepliesLost_StoresOnce()
    {
        var (storage, files) = await NewStoreAsync();
        var key = new OwnedId(null, FileStore.NewId());
        byte[] content = RandomNumberGenerator.GetBytes(5_000_000);
        // Both blocks and the commit take effect, and none of them hears of it at first.
        var lost = new HashSet<string>();
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method == RequestMethod.Put && lost.Add(request.Uri.Query));

        StoredFile stored = await files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream(content), null, Cancel);

        Assert.Equal(3, lost.Count);
        Assert.Equal(content.Length, stored.Bytes);
        Assert.Equal(content, await ReadAsync(files, key));
    }

    [Fact]
    public async Task Upload_IdThatIsTaken_LeavesTheFirst()
    {
        var (_, files) = await NewStoreAsync();
        var key = new OwnedId(null, FileStore.NewId());
        await files.UploadAsync(key, "first", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel);

        await Assert.ThrowsAsync<StorageException>(() => files.UploadAsync(key, "second", FileStore.BatchPurpose, new MemoryStream([2]), null, Cancel));

        Assert.Equal([1], await ReadAsync(files, key));
    }

    [Fact]
    public async Task Upload_TooLong_IsRefusedAndLeavesNothing()
    {
        var (storage, files) = await NewStoreAsync();
        var content = new EndlessStream();

        var error = await Assert.ThrowsAsync<FileTooLongException>(
            () => files.UploadAsync(new OwnedId(null, FileStore.NewId()), "x", FileStore.BatchPurpose, content, null, Cancel));

        Assert.Equal("The file is longer than 209715200 bytes, which is the most that is stored.", error.Message);
        Assert.InRange(content.BytesRead, FileStore.MaxBytes + 1, FileStore.MaxBytes + (8 << 20));
        Assert.Empty(await BlobsAsync(storage));
    }

    [Fact]
    public async Task Upload_SourceBreaks_LeavesNothing()
    {
        var (storage, files) = await NewStoreAsync();

        await Assert.ThrowsAsync<IOException>(() => files.UploadAsync(
            new OwnedId(null, FileStore.NewId()), "x", FileStore.BatchPurpose, new EndlessStream { BreakAfter = 9_000_000 }, null, Cancel));

        Assert.Empty(await BlobsAsync(storage));
    }

    [Fact]
    public async Task Upload_Cancelled_LeavesNothing()
    {
        var (storage, files) = await NewStoreAsync();
        using var cancel = new CancellationTokenSource();
        var afterTheFirstBlock = new SentBytes { Then = cancel.Cancel };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => files.UploadAsync(new OwnedId(null, FileStore.NewId()), "x", FileStore.BatchPurpose, new EndlessStream(), afterTheFirstBlock, cancel.Token));

        Assert.Empty(await BlobsAsync(storage));
    }

    [Theory]
    [InlineData(0, "x", "The file is empty.")]
    [InlineData(1, "", "The file's name has 0 characters; allowed are 1 to 255.")]
    [InlineData(1, null, "The file's name has 256 characters; allowed are 1 to 255.")]
    public async Task Upload_NotAllowed_SaysWhy(int length, string? name, string message)
    {
        var (storage, files) = await NewStoreAsync();

        var error = await Assert.ThrowsAsync<InvalidRequestException>(() => files.UploadAsync(
            new OwnedId(null, FileStore.NewId()), name ?? new string('x', 256), FileStore.BatchPurpose, new MemoryStream(new byte[length]), null, Cancel));

        Assert.Equal(message, error.Message);
        Assert.Empty(await BlobsAsync(storage));
    }

    [Fact]
    public async Task Upload_NameOf255Characters_IsKept()
    {
        var (_, files) = await NewStoreAsync();
        var key = new OwnedId(null, FileStore.NewId());
        string name = new('世', FileStore.MaxNameLength);

        Assert.Equal(name, (await files.UploadAsync(key, name, FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel)).Name);
    }

    [Fact]
    public async Task List_SeveralOwners_GivesOnesOwnOldestFirst()
    {
        var (storage, files) = await NewStoreAsync();
        var keys = new List<OwnedId>();
        foreach (string? owner in new[] { null, "a", "a-b", "a", null, "b" })
        {
            keys.Add(new OwnedId(owner, FileStore.NewId()));
            await files.UploadAsync(keys[^1], "x", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel);
            // The next id is of a later millisecond.
            await Task.Delay(2, Cancel);
        }
        // What is no file of this store is not listed.
        await storage.Blob(StorageNames.Files, "a/stranger").UploadAsync(BinaryData.FromString("x"), Cancel);

        Assert.Equal([keys[0], keys[4]], await files.ListAsync(null, Cancel).Select(file => file.Key).ToListAsync(Cancel));
        Assert.Equal([keys[1], keys[3]], await files.ListAsync("a", Cancel).Select(file => file.Key).ToListAsync(Cancel));
        Assert.Empty(await files.ListAsync("c", Cancel).ToListAsync(Cancel));
        Assert.Equal(await files.TryGetAsync(keys[1], Cancel), await files.ListAsync("a", Cancel).FirstAsync(Cancel));
    }

    [Fact]
    public async Task Delete_TwiceAndWithALostReply_SaysWhetherThereWasOne()
    {
        var (storage, files) = await NewStoreAsync();
        var key = new OwnedId("a", FileStore.NewId());
        await files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel);
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method == RequestMethod.Delete, times: 1);

        Assert.True(await files.DeleteAsync(key, Cancel));

        Assert.False(await files.DeleteAsync(key, Cancel));
        Assert.Null(await files.TryGetAsync(key, Cancel));
        Assert.Null(await files.TryOpenReadAsync(key, 0, null, Cancel));
    }

    [Theory]
    [InlineData(null, "..")]
    [InlineData(null, "a/b")]
    [InlineData("a", "../b/file-1")]
    [InlineData("A", "file-1")]
    [InlineData("..", "file-1")]
    [InlineData("", "file-1")]
    public async Task Any_HostileKey_IsRefused(string? owner, string id)
    {
        var (_, files) = await NewStoreAsync();
        var key = new OwnedId(owner, id);

        await Assert.ThrowsAsync<InvalidRequestException>(() => files.UploadAsync(key, "x", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => files.TryGetAsync(key, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => files.TryOpenReadAsync(key, 0, null, Cancel));
        await Assert.ThrowsAsync<InvalidRequestException>(() => files.DeleteAsync(key, Cancel));
    }

    private static async Task<byte[]> ReadAsync(FileStore files, OwnedId key, long offset = 0, long? length = null)
    {
        await using Stream stream = (await files.TryOpenReadAsync(key, offset, length, Cancel))!;
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, Cancel);
        return bytes.ToArray();
    }

    /// <summary>The blobs in the container, those whose content is not there yet included.</summary>
    private static async Task<List<string>> BlobsAsync(TestStorage storage) =>
        await storage.Blobs.GetBlobContainerClient(StorageNames.Files).GetBlobsAsync(BlobTraits.None, BlobStates.Uncommitted, null, Cancel)
            .Select(blob => blob.Name).ToListAsync(Cancel);

    private async Task<(TestStorage Storage, FileStore Files)> NewStoreAsync()
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return (storage, new FileStore(storage.Connection));
    }

    private sealed class SentBytes : IProgress<long>
    {
        public long Last { get; private set; }

        public Action Then { get; init; } = () => { };

        public void Report(long value)
        {
            Assert.True(value > Last);
            Last = value;
            Then();
        }
    }

    private sealed class EndlessStream : ForwardStream
    {
        public long BytesRead { get; private set; }

        public long BreakAfter { get; init; } = long.MaxValue;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (BytesRead > BreakAfter) throw new IOException("The client has gone.");
            BytesRead += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
