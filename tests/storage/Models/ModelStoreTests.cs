using System.Security.Cryptography;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Models;

public class ModelStoreTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Push_Folder_StoresWhatAModelNeeds()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel(10_000_000);

        PushResult result = await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        Assert.Equal(new PushResult(3, 0, 10_070_002), result);
        Assert.Equal(["nano"], await new ModelStore(storage.Connection).ListAsync(Cancel));
        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_Twice_SendsNothingAgain()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        storage.Faults.Count(request => request.Method.Method is "PUT" or "DELETE" && request.Uri.Path.Contains("nano"));

        Assert.Equal(new PushResult(0, 3, 0), await store.PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Equal(0, storage.Faults.Matched);
    }

    [Fact]
    public async Task Push_ChangedModel_ReplacesItAndRemovesWhatIsGone()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        model.Write("more.safetensors", new byte[1000]);
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        await store.PushAsync(model.Folder, "nano2", null, Cancel);
        File.Delete(Path.Combine(model.Folder, "more.safetensors"));
        model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(900_001));

        Assert.Equal(new PushResult(1, 2, 900_001), await store.PushAsync(model.Folder, "nano", null, Cancel));

        await AssertStoredAsync(storage, model);
        Assert.True((await storage.Blob("models", "nano2/more.safetensors").ExistsAsync(Cancel)).Value);
    }

    // What is written: the configuration's block, two blocks of weights, then both are made blobs, then the manifest.
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(5, false)]
    public async Task Push_ChangedModelInterrupted_LeavesTheOldOneOrNoneAndGoesOnLater(int requestsBefore, bool leavesOld)
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        byte[] old = model.Read(TestModel.Weights), weights = RandomNumberGenerator.GetBytes(9_000_000);
        model.Write("config.json", "{\"a\":1}"u8.ToArray());
        model.Write(TestModel.Weights, weights);
        storage.Faults.Play(RefuseAfter(requestsBefore), request => request.Method.Method == "PUT" && request.Uri.Path.Contains("nano"));

        await Assert.ThrowsAsync<StorageException>(() => store.PushAsync(model.Folder, "nano", null, Cancel));

        storage.Faults.Stop();
        if (leavesOld) Assert.Equal(old, await ReadAsync(storage, TestModel.Weights));
        else Assert.Empty(await store.ListAsync(Cancel));

        PushResult second = await store.PushAsync(model.Folder, "nano", null, Cancel);

        long[] notAgain = [0, 7, 7 + 611_392, 7 + 9_000_000, 7 + 9_000_000, 7 + 9_000_000];
        Assert.InRange(second.BytesUploaded, 0, 9_000_007 - notAgain[requestsBefore]);
        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_InterruptedWithinAFile_SendsOnlyTheBlocksThatAreMissing()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel(40_000_000);
        var store = new ModelStore(storage.Connection);
        bool IsBlock(Azure.Core.Request request) => request.Method.Method == "PUT" && request.Uri.ToString().Contains("comp=block&") && request.Uri.Path.Contains(TestModel.Weights);
        storage.Faults.Play(RefuseAfter(3), IsBlock);
        await Assert.ThrowsAsync<StorageException>(() => store.PushAsync(model.Folder, "nano", null, Cancel));
        storage.Faults.Count(IsBlock);

        PushResult second = await store.PushAsync(model.Folder, "nano", null, Cancel);

        Assert.Equal(2, storage.Faults.Matched);
        Assert.InRange(second.BytesUploaded, 2 * 6_445_568, 2 * 8_388_608);
        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_OneBlockChanged_SendsThatBlock()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel(40_000_000);
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        byte[] weights = model.Read(TestModel.Weights);
        weights[20_000_000] ^= 1;
        model.Write(TestModel.Weights, weights);

        Assert.Equal(new PushResult(1, 2, 8_388_608), await store.PushAsync(model.Folder, "nano", null, Cancel));

        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_FileOfZeros_KeepsItsEqualBlocksApart()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        model.Write(TestModel.Weights, new byte[20_000_000]);

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_EmptyFile_IsStored()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        model.Write("tokenizer.model", []);

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_Manifest_NamesTheBlocksOfEachFile()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel(20_000_000);

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        ModelManifest manifest = ModelManifest.Parse("nano", (await storage.Blob("models", "nano/manifest.json").DownloadContentAsync(Cancel)).Value.Content);
        foreach (ModelFile file in manifest.Files)
        {
            byte[] bytes = model.Read(file.Name);
            Assert.Equal(bytes.Chunk(file.Blocks!.Bytes).Select(block => Convert.ToHexStringLower(SHA256.HashData(block))), file.Blocks.Sha256);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), file.Sha256);
            Assert.Equal(file.Sha256, (await storage.Blob("models", $"nano/{file.Name}").GetPropertiesAsync(cancellationToken: Cancel)).Value.Metadata["sha256"]);
        }
    }

    [Fact]
    public async Task Push_Cancelled_EndsAndLeavesNoManifest()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        using var cancel = new CancellationTokenSource();
        var store = new ModelStore(storage.Connection);
        var progress = new Callback<PushProgress>(report => { if (report.Step == PushStep.Uploading) cancel.Cancel(); });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.PushAsync(model.Folder, "nano", progress, cancel.Token));

        Assert.Empty(await store.ListAsync(Cancel));
    }

    [Fact]
    public async Task Push_FileChangesWhileItIsSent_IsRefusedAndNotStored()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        var store = new ModelStore(storage.Connection);
        var progress = new Callback<PushProgress>(report =>
        {
            // The configuration has two bytes.
            if (report is { Step: PushStep.Uploading, BytesDone: > 2 }) model.Write(TestModel.Weights, new byte[1_000_000]);
        });

        var error = await Assert.ThrowsAsync<ModelException>(() => store.PushAsync(model.Folder, "nano", progress, Cancel));

        Assert.EndsWith("model.safetensors changed while it was uploaded; nothing was replaced. Push again.", error.Message, StringComparison.Ordinal);
        Assert.False((await storage.Blob("models", "nano/model.safetensors").ExistsAsync(Cancel)).Value);
        Assert.Empty(await store.ListAsync(Cancel));
    }

    [Fact]
    public async Task Push_EveryReplyLostOnce_StoresTheModel()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        var seen = new HashSet<string>();
        storage.Faults.Play(
            FaultTransport.LoseReply, request => request.Method.Method is "PUT" or "DELETE" && request.Uri.Path.Contains("nano") && seen.Add(request.Uri.ToString()));

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        Assert.True(storage.Faults.Matched >= 5);
        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_AnotherManifestAppearsMeanwhile_IsRefused()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        storage.Faults.Play(async (_, send) =>
        {
            await send();
            await storage.Blob("models", "nano/manifest.json").UploadAsync(BinaryData.FromBytes(new ModelManifest([new ModelFile("config.json", 2, Hash("{}"u8))]).ToJson()), Cancel);
        }, request => request.Method.Method == "PUT" && request.Uri.ToString().Contains("comp=blocklist"), times: 1);

        var error = await Assert.ThrowsAsync<ModelException>(() => new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Equal("Model 'nano' was pushed by someone else at the same time. Push again.", error.Message);
        Assert.Equal(["nano"], await new ModelStore(storage.Connection).ListAsync(Cancel));
    }

    [Theory]
    [InlineData("tokenizer.model")]
    [InlineData("config.json")]
    public async Task Push_SomeoneElsePushesAnotherModelMeanwhile_LeavesNoManifestThatIsUntrue(string changed)
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        using var other = new TestModel();
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        foreach (string file in (string[])["config.json", "tokenizer.model", TestModel.Weights]) other.Write(file, model.Read(file));
        other.Write(changed, "something else"u8.ToArray());
        model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(1_000_001));
        StorageConnection theirs = TestStorage.Connect(storage.ConnectionString, new StorageTuning());
        storage.Faults.Play(async (_, send) =>
        {
            await new ModelStore(theirs).PushAsync(other.Folder, "nano", null, Cancel);
            await send();
        }, request => request.Method.Method == "DELETE", times: 1);

        var error = await Assert.ThrowsAsync<ModelException>(() => store.PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Equal("Model 'nano' was pushed by someone else at the same time. Push again.", error.Message);
        Assert.Empty(await store.ListAsync(Cancel));
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_SomeoneElseReplacesAFileMeanwhile_IsRefused()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        storage.Faults.Play(async (_, send) =>
        {
            await storage.Blob("models", "nano/model.safetensors").UploadAsync(BinaryData.FromString("theirs"), overwrite: true, Cancel);
            await send();
        }, request => request.Method.Method == "PUT" && request.Uri.ToString().Contains("comp=blocklist"), times: 1);

        var error = await Assert.ThrowsAsync<ModelException>(() => new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Equal("Model 'nano' was pushed by someone else at the same time. Push again.", error.Message);
        Assert.Equal("theirs", (await storage.Blob("models", "nano/model.safetensors").DownloadContentAsync(Cancel)).Value.Content.ToString());
        Assert.Empty(await new ModelStore(storage.Connection).ListAsync(Cancel));
    }

    [Fact]
    public async Task Push_TheSameModelTwiceAtOnce_StoresIt()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel(20_000_000);
        StorageConnection other = TestStorage.Connect(storage.ConnectionString, new StorageTuning());
        storage.Faults.Play(async (_, send) =>
        {
            await new ModelStore(other).PushAsync(model.Folder, "nano", null, Cancel);
            await send();
        }, request => request.Method.Method == "PUT" && request.Uri.ToString().Contains("comp=blocklist"), times: 1);

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", null, Cancel);

        await AssertStoredAsync(storage, model);
    }

    [Fact]
    public async Task Push_WrittenFile_IsStoredInBlocksAndNotSentTwice()
    {
        var storage = new TestStorage(azurite);
        byte[] bytes = RandomNumberGenerator.GetBytes(30_000_000);
        var store = new ModelStore(storage.Connection);
        async Task WriteAsync(Stream file)
        {
            foreach (byte[] piece in bytes.Chunk(1_234_567)) await file.WriteAsync(piece, Cancel);
        }

        Assert.Equal(new PushResult(1, 0, 30_000_000), await store.PushAsync("model.gguf", WriteAsync, "made", Cancel));
        Assert.Equal(bytes, await ReadAsync(storage, "model.gguf", "made"));
        storage.Faults.Count(request => request.Method.Method is "PUT" or "DELETE" && request.Uri.Path.Contains("made"));
        Assert.Equal(new PushResult(0, 1, 0), await store.PushAsync("model.gguf", WriteAsync, "made", Cancel));
        Assert.Equal(0, storage.Faults.Matched);
    }

    [Fact]
    public async Task Push_WrittenFileInterrupted_SendsOnlyTheBlocksThatAreMissing()
    {
        var storage = new TestStorage(azurite);
        byte[] bytes = RandomNumberGenerator.GetBytes(60_000_000);
        var store = new ModelStore(storage.Connection);
        storage.Faults.Play(RefuseAfter(3), request => request.Uri.ToString().Contains("comp=block&"));

        await Assert.ThrowsAsync<StorageException>(() => store.PushAsync("model.gguf", file => file.WriteAsync(bytes, Cancel).AsTask(), "made", Cancel));

        storage.Faults.Stop();
        PushResult second = await store.PushAsync("model.gguf", file => file.WriteAsync(bytes, Cancel).AsTask(), "made", Cancel);
        Assert.InRange(second.BytesUploaded, 1, 60_000_000 - (3 * 1_279_744));
        Assert.Equal(bytes, await ReadAsync(storage, "model.gguf", "made"));
    }

    [Fact]
    public async Task Push_WriterFails_StoresNothing()
    {
        var storage = new TestStorage(azurite);
        var store = new ModelStore(storage.Connection);

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.PushAsync("model.gguf", async file =>
        {
            await file.WriteAsync(new byte[20_000_000], Cancel);
            throw new InvalidOperationException();
        }, "made", Cancel));

        Assert.Empty(await store.ListAsync(Cancel));
        Assert.False((await storage.Blob("models", "made/model.gguf").ExistsAsync(Cancel)).Value);
    }

    [Fact]
    public async Task Push_LinkedFiles_StoresWhatTheyPointTo()
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        File.Move(Path.Combine(model.Folder, TestModel.Weights), Path.Combine(model.Folder, "content"));
        File.CreateSymbolicLink(Path.Combine(model.Folder, TestModel.Weights), "content");
        var reports = new List<PushProgress>();

        await new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", new Callback<PushProgress>(reports.Add), Cancel);

        await AssertStoredAsync(storage, model);
        Assert.All(reports, report => Assert.Equal(1_070_002, report.BytesTotal));
    }

    [Theory]
    [InlineData("config.json", "has no config.json, nor a .gguf file.")]
    [InlineData(TestModel.Weights, "has no *.safetensors.")]
    public async Task Push_FolderWithoutAModel_SaysWhatIsMissing(string missing, string message)
    {
        using var model = new TestModel(10);
        File.Delete(Path.Combine(model.Folder, missing));

        var error = await Assert.ThrowsAsync<ModelException>(() => new ModelStore(new TestStorage(azurite).Connection).PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Equal($"The folder '{model.Folder}' {message}", error.Message);
    }

    [Theory]
    [InlineData("a.gguf", "a.gguf")]
    [InlineData(".", "a.gguf")]
    [InlineData("m-00002-of-00002.gguf", "m-00001-of-00002.gguf m-00002-of-00002.gguf")]
    public async Task Push_GgufFileOrItsFolder_StoresWhatBelongsToIt(string path, string stored)
    {
        var storage = new TestStorage(azurite);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gguf-");
        foreach (string file in stored.Split(' ').Append("README.md")) await File.WriteAllTextAsync(Path.Combine(folder.FullName, file), file, Cancel);

        await new ModelStore(storage.Connection).PushAsync(Path.Combine(folder.FullName, path), "tiny", null, Cancel);

        Assert.Equal(stored.Split(' '), (await new BlobModelSource(storage.Connection, "tiny").ListAsync(Cancel)).Keys.Order());
        folder.Delete(recursive: true);
    }

    [Theory, InlineData("sha256-01"), InlineData(".")]
    public async Task Push_GgufWithoutExtension_StoresItUnderItsNameAndFindsItThere(string path)
    {
        var storage = new TestStorage(azurite);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("blobs-");
        await File.WriteAllBytesAsync(Path.Combine(folder.FullName, "sha256-01"), [.. "GGUF"u8, 3, 0, 0, 0], Cancel);
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "sha256-02"), "{}", Cancel);

        await new ModelStore(storage.Connection).PushAsync(Path.Combine(folder.FullName, path), "tiny", null, Cancel);

        var stored = new BlobModelSource(storage.Connection, "tiny");
        Assert.Equal(["sha256-01"], (await stored.ListAsync(Cancel)).Keys);
        var error = await Assert.ThrowsAsync<ModelException>(() => ModelReader.OpenAsync(stored, Cancel));
        Assert.Equal("tiny/sha256-01: ends in the middle of the list of tensors: it is 8 bytes long.", error.Message);
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("m-00001-of-00002.gguf", "m-00001-of-00002.gguf", "has no m-00002-of-00002.gguf, which belongs to m-00001-of-00002.gguf.")]
    [InlineData("a.gguf b.gguf", ".", "has several .gguf models; name the file to be read.")]
    [InlineData("a.bin", "a.bin", "is a file that holds no model")]
    [InlineData("a.bin", ".", "has no config.json, nor a .gguf file.")]
    public async Task Push_GgufThatIsIncompleteOrNone_IsRefused(string files, string path, string message)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gguf-");
        foreach (string file in files.Split(' ')) await File.WriteAllTextAsync(Path.Combine(folder.FullName, file), file, Cancel);

        var error = await Assert.ThrowsAsync<ModelException>(
            () => new ModelStore(new TestStorage(azurite).Connection).PushAsync(Path.Combine(folder.FullName, path), "tiny", null, Cancel));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Push_NoFolder_SaysSo()
    {
        var error = await Assert.ThrowsAsync<ModelException>(() => new ModelStore(new TestStorage(azurite).Connection).PushAsync("nowhere", "nano", null, Cancel));

        Assert.Equal("There is no folder 'nowhere'.", error.Message);
    }

    [Theory]
    [InlineData("../other")]
    [InlineData("a/b")]
    [InlineData("")]
    public async Task Push_HostileName_IsRefused(string name)
    {
        using var model = new TestModel(10);

        await Assert.ThrowsAsync<ModelException>(() => new ModelStore(new TestStorage(azurite).Connection).PushAsync(model.Folder, name, null, Cancel));
    }

    [Fact]
    public async Task List_NoContainer_IsEmpty() => Assert.Empty(await new ModelStore(new TestStorage(azurite).Connection).ListAsync(Cancel));

    /// <summary>Lets so many requests take effect, and then no more.</summary>
    private static Fault RefuseAfter(int requests)
    {
        int come = 0, done = 0;
        var all = new TaskCompletionSource();
        return async (message, send) =>
        {
            if (Interlocked.Increment(ref come) <= requests)
            {
                await send();
                if (Interlocked.Increment(ref done) == requests) all.SetResult();
                return;
            }
            await all.Task;
            await FaultTransport.Answer(403, "Interrupted")(message, send);
        };
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static async Task<byte[]> ReadAsync(TestStorage storage, string file, string model = "nano")
    {
        await using Stream stream = new ModelFileStream(await new BlobModelSource(storage.Connection, model).OpenAsync(file, Cancel));
        var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, Cancel);
        return bytes.ToArray();
    }

    private static async Task AssertStoredAsync(TestStorage storage, TestModel model)
    {
        var source = new BlobModelSource(storage.Connection, "nano");
        IReadOnlyDictionary<string, long> files = await source.ListAsync(Cancel);
        Assert.Equal(["config.json", TestModel.Weights, "tokenizer.model"], files.Keys.Order());
        foreach (string file in files.Keys)
        {
            Assert.Equal(model.Read(file), await ReadAsync(storage, file));
        }
        Assert.Equal(4, await storage.Blobs.GetBlobContainerClient("models").GetBlobsAsync(BlobTraits.None, BlobStates.None, "nano/", Cancel).CountAsync(Cancel));
    }

    private sealed class Callback<T>(Action<T> report) : IProgress<T>
    {
        private readonly Lock _lock = new();

        public void Report(T value)
        {
            lock (_lock) report(value);
        }
    }
}
