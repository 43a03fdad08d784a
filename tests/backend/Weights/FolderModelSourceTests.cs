using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Tests.Weights;

public sealed class FolderModelSourceTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma2-folder-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task ListAsync_Folder_GivesPlainFilesAndTheirLengths()
    {
        File.WriteAllBytes(At("a.bin"), new byte[7]);
        _folder.CreateSubdirectory("inner");
        File.WriteAllBytes(At("inner/b.bin"), new byte[9]);
        IReadOnlyDictionary<string, long> files = await new FolderModelSource(_folder.FullName).ListAsync(Cancellation);
        Assert.Equal([KeyValuePair.Create("a.bin", 7L)], files);
    }

    [Fact]
    public async Task ListAsync_Links_HaveTheLengthOfTheirTargets()
    {
        _folder.CreateSubdirectory("blobs");
        File.WriteAllBytes(At("blobs/1234"), new byte[9]);
        File.CreateSymbolicLink(At("a.bin"), Path.Combine("blobs", "1234"));
        File.CreateSymbolicLink(At("gone.bin"), "nowhere");
        Directory.CreateSymbolicLink(At("other"), "blobs");
        IReadOnlyDictionary<string, long> files = await new FolderModelSource(_folder.FullName).ListAsync(Cancellation);
        Assert.Equal([KeyValuePair.Create("a.bin", 9L)], files);
    }

    [Theory, InlineData("nowhere"), InlineData("file")]
    public async Task ListAsync_NoFolder_IsRefused(string path)
    {
        File.WriteAllText(At("file"), "");
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new FolderModelSource(At(path)).ListAsync(Cancellation).AsTask());
        Assert.Equal($"{At(path)}: is not a folder that can be read.", error.Message);
    }

    [Fact]
    public async Task OpenAsync_File_GivesItsBytes()
    {
        File.WriteAllBytes(At("a.bin"), [1, 2, 3]);
        await using var stream = new ModelFileStream(await new FolderModelSource(_folder.FullName).OpenAsync("a.bin", Cancellation));
        byte[] bytes = new byte[4];
        Assert.Equal(3, await stream.ReadAtLeastAsync(bytes, 4, throwOnEndOfStream: false, Cancellation));
        Assert.Equal([1, 2, 3, 0], bytes);
    }

    [Theory, InlineData("gone.bin"), InlineData("inner")]
    public async Task OpenAsync_NoFile_IsRefusedByName(string file)
    {
        _folder.CreateSubdirectory("inner");
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new FolderModelSource(_folder.FullName).OpenAsync(file, Cancellation).AsTask());
        Assert.StartsWith($"{_folder.Name}/{file}: cannot be opened: ", error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("../a.bin"), InlineData("/etc/hostname"), InlineData("inner/a.bin"), InlineData("..")]
    public async Task OpenAsync_NameThatLeavesTheFolder_IsRefused(string file) =>
        await Assert.ThrowsAsync<ModelException>(() => new FolderModelSource(_folder.FullName).OpenAsync(file, Cancellation).AsTask());

    [Theory, InlineData(""), InlineData("/"), InlineData("/inner/..")]
    public void Name_OfAnyPathToTheFolder_IsTheFolders(string suffix) =>
        Assert.Equal(_folder.Name, new FolderModelSource(_folder.FullName + suffix).Name);

    private string At(string path) => Path.Combine(_folder.FullName, path);
}
