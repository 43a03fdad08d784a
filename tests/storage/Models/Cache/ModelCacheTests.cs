using System.Security.Cryptography;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;
using Gemma2.Storage.Models.Cache;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Models.Cache;

public sealed class ModelCacheTests(AzuriteFixture azurite) : IDisposable
{
    private const int BlockBytes = 65_536;
    private const int Blocks = 6;

    private readonly TestModel _model = new((BlockBytes * (Blocks - 1)) + 12_345);
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "gemma2-cache-" + Guid.NewGuid().ToString("N"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Entry => PathOf(TestModel.Weights);

    private string Part => Entry + ".part";

    public void Dispose()
    {
        _model.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Read_SecondTime_AsksStorageForNoByte()
    {
        TestStorage storage = await StoreAsync();
        Assert.Equal(Blocks, await ReadAsync(storage));
        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));

        Assert.Equal(0, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_EntryIsWhole_BlobMustStillBeThere()
    {
        TestStorage storage = await StoreAsync();
        await ReadAsync(storage);
        await storage.Blob("models", $"nano/{TestModel.Weights}").DeleteAsync(cancellationToken: Cancel);

        var error = await Assert.ThrowsAsync<Backend.ModelException>(() => ReadAsync(storage));

        Assert.Contains("is missing in storage", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<int, byte[]?> Damages => new()
    {
        // Where a write or a disk has left something else: at the beginning, in the middle, at the end; or nothing at all, from there on.
        { 0, [1] }, { BlockBytes + 5, new byte[BlockBytes] }, { (BlockBytes * (Blocks - 1)) + 12_344, [7] }, { 0, null }, { 1, null }, { BlockBytes * 3, null }, { (BlockBytes * 3) + 100, null },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Read_EntryIsDamaged_IsRightAndMended(int at, byte[]? bytes)
    {
        TestStorage storage = await StoreAsync();
        await ReadAsync(storage);
        using (FileStream file = File.OpenWrite(Entry))
        {
            if (bytes is null) file.SetLength(at);
            else
            {
                file.Position = at;
                file.Write(bytes);
            }
        }

        int last = bytes is null ? Blocks - 1 : (at + bytes.Length - 1) / BlockBytes;
        Assert.Equal(last - (at / BlockBytes) + 1, await ReadAsync(storage));

        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
        Assert.Equal(0, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_EntryIsLongerThanTheFile_IsCut()
    {
        TestStorage storage = await StoreAsync();
        await ReadAsync(storage);
        await File.AppendAllBytesAsync(Entry, new byte[100], Cancel);

        Assert.Equal(0, await ReadAsync(storage));
        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Read_EarlierStartEndedInTheMiddle_GoesOnWhereItWas(int blocks)
    {
        TestStorage storage = await StoreAsync();
        await using (var cache = new ModelCache(_folder, null))
        {
            await using IModelFile file = await Source(storage, cache).OpenAsync(TestModel.Weights, Cancel);
            if (blocks > 0) await file.ReadAsync(0, new byte[blocks * BlockBytes], Cancel);
        }
        Assert.True(File.Exists(Part));
        Assert.False(File.Exists(Entry));
        // Of one block more only a part was written, as where a process was killed.
        using (FileStream file = File.OpenWrite(Part))
        {
            file.Position = blocks * BlockBytes;
            file.Write(_model.Read(TestModel.Weights), blocks * BlockBytes, 1000);
        }

        Assert.Equal(Blocks - blocks, await ReadAsync(storage));

        Assert.False(File.Exists(Part));
        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
    }

    [Fact]
    public async Task Read_NameIsThatOfAnotherFile_IsNotBelieved()
    {
        TestStorage storage = await StoreAsync();
        Directory.CreateDirectory(Path.GetDirectoryName(Entry)!);
        await File.WriteAllBytesAsync(Entry, RandomNumberGenerator.GetBytes((int)new FileInfo(Path.Combine(_model.Folder, TestModel.Weights)).Length), Cancel);

        Assert.Equal(Blocks, await ReadAsync(storage));
        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
    }

    [Fact]
    public async Task Read_SeveralAtOnceWithCachesOfTheirOwn_AllAreRightAndLeaveOneEntry()
    {
        TestStorage storage = await StoreAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => ReadAsync(storage, count: false), Cancel)));

        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
        Assert.False(File.Exists(Part));
        Assert.Equal(0, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_EntriesVanishWhileTheyAreRead_IsRight()
    {
        TestStorage storage = await StoreAsync();
        await ReadAsync(storage);
        await using var cache = new ModelCache(_folder, null);
        await using IModelFile file = await Source(storage, cache).OpenAsync(TestModel.Weights, Cancel);
        byte[] bytes = new byte[file.Length];
        await file.ReadAsync(0, bytes.AsMemory(0, BlockBytes), Cancel);

        Directory.Delete(_folder, recursive: true);
        await file.ReadAsync(BlockBytes, bytes.AsMemory(BlockBytes), Cancel);

        Assert.Equal(_model.Read(TestModel.Weights), bytes);
        Assert.Equal(Blocks, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_PartVanishesWhileItIsWritten_IsRight()
    {
        TestStorage storage = await StoreAsync();
        await using (var cache = new ModelCache(_folder, null))
        {
            await using IModelFile file = await Source(storage, cache).OpenAsync(TestModel.Weights, Cancel);
            byte[] bytes = new byte[file.Length];
            await file.ReadAsync(0, bytes.AsMemory(0, BlockBytes), Cancel);
            File.Delete(Part);
            await file.ReadAsync(BlockBytes, bytes.AsMemory(BlockBytes), Cancel);
            Assert.Equal(_model.Read(TestModel.Weights), bytes);
        }

        Assert.False(File.Exists(Entry));
        Assert.Equal(Blocks, await ReadAsync(storage));
        Assert.True(File.Exists(Entry));
    }

    [Theory]
    [InlineData("a file in its place")]
    [InlineData("a folder that cannot be made")]
    public async Task Read_FolderCannotBeUsed_LoadsWithoutAndSaysWhy(string what)
    {
        TestStorage storage = await StoreAsync();
        Directory.CreateDirectory(_folder);
        string folder = Path.Combine(_folder, "x");
        if (what == "a file in its place") await File.WriteAllTextAsync(folder, "x", Cancel);
        else folder = "/proc/gemma2-cache";
        await using var cache = new ModelCache(folder, null);

        Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(Source(storage, cache)));

        Assert.StartsWith($"The cache in {folder}/models cannot be used as it should: ", cache.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_FolderCanOnlyBeRead_IsReadAndNotMended()
    {
        TestStorage storage = await StoreAsync();
        using SmallDisk _ = SmallDisk.Mount(_folder);
        await ReadAsync(storage);
        using (FileStream file = File.OpenWrite(Entry))
        {
            file.Position = 5;
            file.WriteByte((byte)~_model.Read(TestModel.Weights)[5]);
        }
        SmallDisk.Run("mount", "-o", "remount,ro", _folder);

        Assert.Equal(1, await ReadAsync(storage));
        Assert.Equal(1, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_DiskGetsFull_IsRightAndLeavesNothingInTheWay()
    {
        TestStorage storage = await StoreAsync();
        using SmallDisk _ = SmallDisk.Mount(_folder);
        await using (var first = new ModelCache(_folder, null))
        {
            await using IModelFile file = await Source(storage, first).OpenAsync(TestModel.Weights, Cancel);
            await file.ReadAsync(0, new byte[BlockBytes], Cancel);
        }
        string other = Path.Combine(_folder, "other");
        await File.WriteAllBytesAsync(other, new byte[new DriveInfo(_folder).AvailableFreeSpace], Cancel);
        await using (var cache = new ModelCache(_folder, null))
        {
            Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(Source(storage, cache)));
            await cache.FlushAsync();
            Assert.Contains("cannot be used as it should", cache.Problem, StringComparison.Ordinal);
        }
        Assert.False(File.Exists(Part));

        File.Delete(other);
        Assert.Equal(Blocks, await ReadAsync(storage));
        Assert.Equal(0, await ReadAsync(storage));
    }

    [Fact]
    public async Task Read_OtherEntriesTakeTheRoom_TheLeastRecentlyUsedGo()
    {
        long size = new FileInfo(Path.Combine(_model.Folder, TestModel.Weights)).Length;
        Directory.CreateDirectory(Path.GetDirectoryName(Entry)!);
        string[] others = [.. Enumerable.Range(0, 4).Select(i => Path.Combine(Path.GetDirectoryName(Entry)!, new string((char)('a' + i), 64) + (i == 1 ? ".part" : "")))];
        foreach ((int i, string other) in others.Index())
        {
            await File.WriteAllBytesAsync(other, new byte[100_000], Cancel);
            File.SetLastWriteTimeUtc(other, DateTime.UtcNow.AddHours(i - 10));
        }
        string stranger = Path.Combine(Path.GetDirectoryName(Entry)!, "notes.txt");
        await File.WriteAllTextAsync(stranger, "not the cache's", Cancel);
        TestStorage storage = await StoreAsync();

        await ReadAsync(storage, maxBytes: size + 250_000);

        Assert.Equal([false, false, true, true, true, true], others.Append(Entry).Append(stranger).Select(File.Exists));
    }

    [Fact]
    public async Task Read_OthersAreInUseInThisProcess_TheyStay()
    {
        TestStorage storage = await StoreAsync();
        long size = new FileInfo(Path.Combine(_model.Folder, TestModel.Weights)).Length;
        await using var cache = new ModelCache(_folder, size + 80_000);
        BlobModelSource source = Source(storage, cache);
        await using (IModelFile inUse = await source.OpenAsync("tokenizer.model", Cancel))
        {
            await inUse.ReadAsync(0, new byte[inUse.Length], Cancel);
            await cache.FlushAsync();
            _model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes((int)size + 50_000));
            await StoreAsync(storage);

            Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(Source(storage, cache)));

            await cache.FlushAsync();
            Assert.True(File.Exists(PathOf("tokenizer.model")));
            Assert.False(File.Exists(Entry));
        }
        await cache.FlushAsync();
        await ReadAsync(Source(storage, cache));
        await cache.FlushAsync();
        Assert.False(File.Exists(PathOf("tokenizer.model")));
        Assert.True(File.Exists(Entry));
    }

    [Fact]
    public async Task Read_FileIsLargerThanTheCache_IsNotKept()
    {
        TestStorage storage = await StoreAsync();

        await ReadAsync(storage, maxBytes: 100_000);

        Assert.Equal([], Directory.EnumerateFiles(Path.Combine(_folder, "models")));
    }

    [Fact]
    public async Task Read_ModelIsPushedAgain_IsAnotherEntry()
    {
        TestStorage storage = await StoreAsync();
        await ReadAsync(storage);
        string before = Entry;
        _model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(300_000));
        await StoreAsync(storage);

        Assert.NotEqual(0, await ReadAsync(storage));

        Assert.True(File.Exists(before));
        Assert.Equal(_model.Read(TestModel.Weights), File.ReadAllBytes(Entry));
    }

    [Fact]
    public async Task Read_ManifestWithoutBlocks_KeepsNothing()
    {
        TestStorage storage = await StoreAsync();
        await storage.WriteManifestAsync("nano", _model.Folder, blockBytes: null);

        await ReadAsync(storage);

        Assert.False(Directory.Exists(_folder));
    }

    [Theory]
    [InlineData("1", 1L)]
    [InlineData(" 40G ", 40L << 30)]
    [InlineData("5m", 5L << 20)]
    [InlineData("0", null)]
    [InlineData("", null)]
    [InlineData("G", null)]
    [InlineData("-1", null)]
    [InlineData("9999999999999G", null)]
    [InlineData("1.5G", null)]
    public void TryParseSize_Text_IsBytesOrRefused(string text, long? expected) => Assert.Equal(expected, ModelCache.TryParseSize(text, out long bytes) ? bytes : null);

    private string PathOf(string file) => Path.Combine(_folder, "models", Convert.ToHexStringLower(SHA256.HashData(_model.Read(file))));

    private async Task<TestStorage> StoreAsync(TestStorage? storage = null)
    {
        storage ??= new TestStorage(azurite);
        await new ModelStore(storage.Connection).PushAsync(_model.Folder, "nano", null, Cancel);
        await storage.WriteManifestAsync("nano", _model.Folder, BlockBytes);
        return storage;
    }

    private static BlobModelSource Source(TestStorage storage, ModelCache cache) => new(storage.Connection, "nano", cache);

    /// <summary>Reads the weights as a new start does; gives how many ranges storage was asked for.</summary>
    private async Task<int> ReadAsync(TestStorage storage, long? maxBytes = null, bool count = true)
    {
        await using var cache = new ModelCache(_folder, maxBytes);
        if (count) storage.Faults.Count(request => request.Headers.TryGetValue("x-ms-range", out _));
        Assert.Equal(_model.Read(TestModel.Weights), await ReadAsync(Source(storage, cache)));
        return storage.Faults.Matched;
    }

    private static async Task<byte[]> ReadAsync(BlobModelSource source)
    {
        await using IModelFile file = await source.OpenAsync(TestModel.Weights, Cancel);
        byte[] bytes = new byte[file.Length];
        await file.ReadAsync(0, bytes, Cancel);
        return bytes;
    }
}
