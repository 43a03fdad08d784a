using System.Security.Cryptography;
using Azure.Storage.Blobs.Models;
using Gemma2.Backend;
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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Push_ChangedModelInterrupted_LeavesNoManifestAndGoesOnLater(int requestsBefore)
    {
        var storage = new TestStorage(azurite);
        using var model = new TestModel();
        var store = new ModelStore(storage.Connection);
        await store.PushAsync(model.Folder, "nano", null, Cancel);
        model.Write("config.json", "{\"a\":1}"u8.ToArray());
        model.Write(TestModel.Weights, RandomNumberGenerator.GetBytes(9_000_000));
        int sent = 0;
        storage.Faults.Play(
            FaultTransport.Answer(403, "Interrupted"), request => request.Method.Method == "PUT" && request.Uri.Path.Contains("nano") && ++sent > requestsBefore);

        await Assert.ThrowsAsync<StorageException>(() => store.PushAsync(model.Folder, "nano", null, Cancel));

        Assert.Empty(await store.ListAsync(Cancel));
        await Assert.ThrowsAsync<ModelException>(async () => await new BlobModelSource(storage.Connection, "nano").ListAsync(Cancel));

        storage.Faults.Stop();
        PushResult second = await store.PushAsync(model.Folder, "nano", null, Cancel);

        // The configuration's two requests (its block and its commit) had gone through when two or more were let pass.
        Assert.Equal(requestsBefore >= 2 ? 2 : 1, second.FilesSkipped);
        await AssertStoredAsync(storage, model);
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
            if (report is { Step: PushStep.Hashing } && report.BytesDone == report.BytesTotal) model.Write(TestModel.Weights, new byte[1_000_000]);
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
        var progress = new Callback<PushProgress>(report =>
        {
            if (report is { Step: PushStep.Uploading } && report.BytesDone == report.BytesTotal)
                storage.Blob("models", "nano/manifest.json").Upload(BinaryData.FromString("{}"), Cancel);
        });

        var error = await Assert.ThrowsAsync<ModelException>(() => new ModelStore(storage.Connection).PushAsync(model.Folder, "nano", progress, Cancel));

        Assert.Equal("Model 'nano' was pushed by someone else at the same time. Push again.", error.Message);
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

    private static async Task AssertStoredAsync(TestStorage storage, TestModel model)
    {
        var source = new BlobModelSource(storage.Connection, "nano");
        IReadOnlyDictionary<string, long> files = await source.ListAsync(Cancel);
        Assert.Equal(["config.json", TestModel.Weights, "tokenizer.model"], files.Keys.Order());
        foreach (string file in files.Keys)
        {
            await using var stream = new ModelFileStream(await source.OpenAsync(file, Cancel));
            var bytes = new MemoryStream();
            await stream.CopyToAsync(bytes, Cancel);
            Assert.Equal(model.Read(file), bytes.ToArray());
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
