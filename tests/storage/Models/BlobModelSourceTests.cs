using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Models;

public sealed class BlobModelSourceTests(AzuriteFixture azurite) : IDisposable
{
    private const int BlockBytes = 65_536;
    private const int Blocks = 11;

    private readonly TestModel _model = new((BlockBytes * (Blocks - 1)) + 12_345);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task List_StoredModel_GivesNamesAndLengths()
    {
        var (_, source) = await NewSourceAsync();

        IReadOnlyDictionary<string, long> files = await source.ListAsync(Cancel);

        Assert.Equal("nano", source.Name);
        Assert.Equal([("config.json", 2L), (TestModel.Weights, _model.Read(TestModel.Weights).LongLength), ("tokenizer.model", 70_000L)], files.Select(f => (f.Key, f.Value)).Order());
    }

    [Fact]
    public async Task Open_ManyReadersOfOneFile_AllGetItsBytes()
    {
        var (_, source) = await NewSourceAsync();

        byte[][] readers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ReadAsync(source, TestModel.Weights)));

        Assert.All(readers, bytes => Assert.Equal(_model.Read(TestModel.Weights), bytes));
    }

    [Fact]
    public async Task Open_EmptyFile_IsRead()
    {
        _model.Write("tokenizer.model", []);
        var (_, source) = await NewSourceAsync();

        Assert.Empty(await ReadAsync(source, "tokenizer.model"));
    }

    [Fact]
    public async Task Open_EveryRangeFailsOnce_ReadsTheSameBytes()
    {
        var (storage, source) = await NewSourceAsync();
        Fault[] faults = [FaultTransport.Answer(503, "ServerBusy"), FaultTransport.Answer(429, "TooManyRequests", "0"), FaultTransport.BreakBody, FaultTransport.LoseReply];
        var seen = new HashSet<string>();
        int next = 0;
        storage.Faults.Play(
            (message, send) => faults[next++ % faults.Length](message, send),
            request => request.Headers.TryGetValue("x-ms-range", out string? range) && seen.Add(range));

        Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(source, TestModel.Weights));

        Assert.Equal(Blocks, next);
    }

    [Fact]
    public async Task Read_StorageStaysDown_FailsWithTheBlobsName()
    {
        var (storage, source) = await NewSourceAsync();
        await using var stream = new ModelFileStream(await source.OpenAsync(TestModel.Weights, Cancel));
        storage.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), _ => true);

        var error = await Assert.ThrowsAsync<StorageException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));

        Assert.Equal("Reading blob models/nano/model.safetensors failed: 503 ServerBusy", error.Message);
    }

    [Theory]
    [InlineData(TestModel.Weights)]
    [InlineData("tokenizer.model")]
    public async Task Read_WrongBytes_IsRefusedWithTheirBlock(string file)
    {
        var (storage, source) = await NewSourceAsync();
        byte[] bytes = _model.Read(file), right = _model.Read(file);
        bytes[BlockBytes + 1] ^= 1;
        await storage.Blob("models", $"nano/{file}").UploadAsync(BinaryData.FromBytes(bytes), overwrite: true, Cancel);
        await using var stream = new ModelFileStream(await source.OpenAsync(file, Cancel));
        byte[] first = new byte[BlockBytes];
        await stream.ReadExactlyAsync(first, Cancel);
        Assert.Equal(right[..BlockBytes], first);
        storage.Faults.Count(_ => true);

        var error = await Assert.ThrowsAsync<ModelException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));

        int length = Math.Min(BlockBytes, bytes.Length - BlockBytes);
        Assert.Equal(
            $"nano/{file} is corrupt: the SHA-256 of its block 1 ({length} bytes from 65536) is {Hash(bytes[BlockBytes..(BlockBytes + length)])}, "
            + $"manifest.json says {Hash(right[BlockBytes..(BlockBytes + length)])}.", error.Message);
        Assert.Equal(3, storage.Faults.Matched);
        await Assert.ThrowsAsync<ModelException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Read_BlockIsDamagedOnTheWay_IsFetchedAgain(int times)
    {
        var (storage, source) = await NewSourceAsync();
        storage.Faults.Play(FaultTransport.FlipBit, request => request.Headers.TryGetValue("x-ms-range", out string? range) && range == "bytes=131072-196607", times);

        Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(source, TestModel.Weights));

        Assert.Equal(times + 1, storage.Faults.Matched);
    }

    [Theory]
    [InlineData(TestModel.Weights)]
    [InlineData("tokenizer.model")]
    public async Task Read_WrongBytesUnderAManifestWithoutBlocks_IsRefusedBeforeTheLastBlock(string file)
    {
        var (storage, source) = await NewSourceAsync(blockBytes: null);
        _model.Write(file, [.. _model.Read(file).Concat(RandomNumberGenerator.GetBytes(2 * ModelBlocks.DefaultBytes))]);
        await StoreAsync(storage, blockBytes: null);
        byte[] bytes = _model.Read(file);
        bytes[bytes.Length / 2] ^= 1;
        await storage.Blob("models", $"nano/{file}").UploadAsync(BinaryData.FromBytes(bytes), overwrite: true, Cancel);
        await using var stream = new ModelFileStream(await source.OpenAsync(file, Cancel));
        await stream.ReadExactlyAsync(new byte[2 * ModelBlocks.DefaultBytes], Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancel));

        Assert.Equal($"nano/{file} is corrupt: its SHA-256 is {Hash(bytes)}, manifest.json says {Hash(_model.Read(file))}.", error.Message);
    }

    [Theory]
    [InlineData(BlockBytes)]
    [InlineData(null)]
    public async Task Read_AnyPiecesAtOnce_GivesTheirBytes(int? blockBytes)
    {
        _model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(blockBytes is null ? (3 * ModelBlocks.DefaultBytes) + 12_345 : 700_000));
        var (_, source) = await NewSourceAsync(blockBytes);
        byte[] bytes = _model.Read(TestModel.Weights);
        await using IModelFile file = await source.OpenAsync(TestModel.Weights, Cancel);
        var random = new Random(1);
        (int Offset, byte[] Buffer)[] pieces = [.. Enumerable.Range(0, 40).Select(_ =>
        {
            int offset = random.Next(bytes.Length);
            return (offset, new byte[random.Next(Math.Min(bytes.Length - offset, 300_000))]);
        })];

        // Not in order either, and with pieces left out: what a manifest without blocks cannot check by itself is read beside.
        await Task.WhenAll(pieces.Select(async piece => await file.ReadAsync(piece.Offset, piece.Buffer, Cancel)));

        Assert.All(pieces, piece => Assert.True(bytes.AsSpan(piece.Offset, piece.Buffer.Length).SequenceEqual(piece.Buffer)));
        byte[] all = new byte[bytes.Length];
        await file.ReadAsync(0, all, Cancel);
        Assert.Equal(bytes, all);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 2_000_000)]
    [InlineData(long.MaxValue, 1)]
    public async Task Read_BeyondTheFile_IsRefused(long offset, int count)
    {
        var (_, source) = await NewSourceAsync();
        await using IModelFile file = await source.OpenAsync(TestModel.Weights, Cancel);

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await file.ReadAsync(offset, new byte[count], Cancel));
    }

    [Fact]
    public async Task Read_FileOfAnOldManifestThatWasReplacedUnderTheSameVersion_IsNoticedWhenItIsReadAgain()
    {
        var (storage, source) = await NewSourceAsync(blockBytes: null);
        await using IModelFile file = await source.OpenAsync(TestModel.Weights, Cancel);
        byte[] block = new byte[file.Length];
        await file.ReadAsync(0, block, Cancel);
        storage.Faults.Play(FaultTransport.FlipBit, request => request.Headers.TryGetValue("x-ms-range", out _));

        var error = await Assert.ThrowsAsync<ModelException>(async () => await file.ReadAsync(0, block, Cancel));

        Assert.Equal("nano/model.safetensors is corrupt: its block 0 is not what it was when it was read before.", error.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-60_000)]
    [InlineData(1)]
    [InlineData(100_000)]
    public async Task Open_OtherLengthThanTheManifests_IsRefused(int more)
    {
        var (storage, source) = await NewSourceAsync();
        byte[] bytes = _model.Read("tokenizer.model");
        Array.Resize(ref bytes, bytes.Length + more);
        await storage.Blob("models", "nano/tokenizer.model").UploadAsync(BinaryData.FromBytes(bytes), overwrite: true, Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(async () => await source.OpenAsync("tokenizer.model", Cancel));

        Assert.Equal($"nano/tokenizer.model is {70_000 + more} bytes long, manifest.json says 70000.", error.Message);
    }

    [Fact]
    public async Task Open_BlobMissing_NamesTheFile()
    {
        var (storage, source) = await NewSourceAsync();
        await storage.Blob("models", "nano/tokenizer.model").DeleteAsync(cancellationToken: Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(async () => await source.OpenAsync("tokenizer.model", Cancel));

        Assert.Equal("nano/tokenizer.model is missing in storage although manifest.json names it.", error.Message);
    }

    [Fact]
    public async Task Read_BlobReplacedMeanwhile_IsRefused()
    {
        var (storage, source) = await NewSourceAsync();
        await using var stream = new ModelFileStream(await source.OpenAsync(TestModel.Weights, Cancel));
        await stream.ReadExactlyAsync(new byte[1], Cancel);

        // The same bytes again: another ETag is enough.
        await storage.Blob("models", $"nano/{TestModel.Weights}").UploadAsync(BinaryData.FromBytes(_model.Read(TestModel.Weights)), overwrite: true, Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(() => stream.CopyToAsync(Stream.Null, Cancel));
        Assert.Equal("nano/model.safetensors was replaced or deleted in storage while it was read.", error.Message);
    }

    [Fact]
    public async Task Read_BlobDeletedMeanwhile_IsRefused()
    {
        var (storage, source) = await NewSourceAsync();
        await using var stream = new ModelFileStream(await source.OpenAsync(TestModel.Weights, Cancel));
        await stream.ReadExactlyAsync(new byte[1], Cancel);
        await storage.Blob("models", $"nano/{TestModel.Weights}").DeleteAsync(cancellationToken: Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(() => stream.CopyToAsync(Stream.Null, Cancel));

        Assert.Equal("nano/model.safetensors was replaced or deleted in storage while it was read.", error.Message);
    }

    [Fact]
    public async Task Read_BlobNotFoundMeanwhile_IsRefused()
    {
        var (storage, source) = await NewSourceAsync();
        await using var stream = new ModelFileStream(await source.OpenAsync(TestModel.Weights, Cancel));
        storage.Faults.Play(FaultTransport.Answer(404, "BlobNotFound"), _ => true);

        var error = await Assert.ThrowsAsync<ModelException>(() => stream.CopyToAsync(Stream.Null, Cancel));

        Assert.Equal("nano/model.safetensors is missing in storage although manifest.json names it.", error.Message);
    }

    [Fact]
    public async Task Open_FileOfManyDefaultRanges_IsRead()
    {
        _model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(9_000_000));
        var (storage, _) = await NewSourceAsync();

        Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(new BlobModelSource(storage.Connection, "nano"), TestModel.Weights));
    }

    [Fact]
    public async Task Read_StorageHangs_CancellationEndsIt()
    {
        var (storage, source) = await NewSourceAsync();
        await using var stream = new ModelFileStream(await source.OpenAsync(TestModel.Weights, Cancel));
        storage.Faults.Play(FaultTransport.Hang, _ => true);
        using var cancel = new CancellationTokenSource();
        Task reading = stream.CopyToAsync(Stream.Null, cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Fact]
    public async Task Open_UnknownFile_IsRefused()
    {
        var (_, source) = await NewSourceAsync();

        var error = await Assert.ThrowsAsync<ModelException>(async () => await source.OpenAsync("../other/config.json", Cancel));

        Assert.Equal("Model 'nano' has no file '../other/config.json'.", error.Message);
    }

    [Fact]
    public async Task List_UnknownModel_NamesThoseThatAreThere()
    {
        var (storage, _) = await NewSourceAsync();

        var error = await Assert.ThrowsAsync<ModelException>(async () => await new BlobModelSource(storage.Connection, "other").ListAsync(Cancel));

        Assert.Equal("Model 'other' is not in the container 'models' (there are: nano).", error.Message);
    }

    [Fact]
    public async Task List_EmptyAccount_SaysThatThereIsNone()
    {
        var error = await Assert.ThrowsAsync<ModelException>(async () => await new BlobModelSource(new TestStorage(azurite).Connection, "nano").ListAsync(Cancel));

        Assert.Equal("Model 'nano' is not in the container 'models' (none is).", error.Message);
    }

    [Fact]
    public async Task List_ManifestIsNoManifest_SaysSo()
    {
        var (storage, _) = await NewSourceAsync();
        await storage.Blob("models", "nano/manifest.json").UploadAsync(BinaryData.FromString("{\"files\":"), overwrite: true, Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(async () => await new BlobModelSource(storage.Connection, "nano").ListAsync(Cancel));

        Assert.StartsWith("nano/manifest.json is malformed: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_HugeManifest_IsNotRead()
    {
        var (storage, _) = await NewSourceAsync();
        await storage.Blob("models", "nano/manifest.json").UploadAsync(BinaryData.FromBytes(Encoding.UTF8.GetBytes(new string(' ', 5_000_000))), overwrite: true, Cancel);

        var error = await Assert.ThrowsAsync<StorageException>(async () => await new BlobModelSource(storage.Connection, "nano").ListAsync(Cancel));

        Assert.Equal("Blob models/nano/manifest.json is 5000000 bytes; allowed are 4194304.", error.Message);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("nano/../other")]
    [InlineData("")]
    public void New_HostileName_IsRefused(string name) =>
        Assert.Throws<ModelException>(() => new BlobModelSource(new TestStorage(azurite).Connection, name));

    private async Task<(TestStorage Storage, BlobModelSource Source)> NewSourceAsync(int? blockBytes = BlockBytes)
    {
        var storage = new TestStorage(azurite);
        await StoreAsync(storage, blockBytes);
        return (storage, new BlobModelSource(storage.Connection, "nano"));
    }

    private async Task StoreAsync(TestStorage storage, int? blockBytes)
    {
        await new ModelStore(storage.Connection).PushAsync(_model.Folder, "nano", null, Cancel);
        await storage.WriteManifestAsync("nano", _model.Folder, blockBytes);
    }

    private static async Task<byte[]> ReadAsync(BlobModelSource source, string file)
    {
        await using var stream = new ModelFileStream(await source.OpenAsync(file, Cancel));
        var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, Cancel);
        return bytes.ToArray();
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
