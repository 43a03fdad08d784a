using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>Local models as blobs, with the manifests that a push would write.</summary>
internal static class ServedModel
{
    /// <summary>The blobs of a model.</summary>
    /// <param name="name">Its name in storage.</param>
    /// <param name="path">A folder, or one file.</param>
    public static async Task<IReadOnlyDictionary<string, ServedBlob>> LoadAsync(string name, string path)
    {
        ModelName.Validate(name);
        FileInfo[] files = File.Exists(path) ? [new FileInfo(path)] : [.. new DirectoryInfo(path).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Where(file => ModelName.IsValid(file.Name))];
        var blobs = new Dictionary<string, ServedBlob>();
        var hashed = new List<ModelFile>();
        foreach (FileInfo file in files)
        {
            hashed.Add(await HashAsync(file));
            blobs.Add($"{StorageNames.Models}/{name}/{file.Name}", new ServedBlob(file));
        }
        blobs.Add($"{StorageNames.Models}/{name}/{ModelManifest.FileName}", new ServedBlob(new ModelManifest(hashed).ToJson()));
        return blobs;
    }

    private static async Task<ModelFile> HashAsync(FileInfo file)
    {
        using var hasher = new ContentHasher(file.Name, file.Length, expected: null);
        await using LocalFile local = LocalFile.Open(file.FullName);
        await local.ReadBlocksAsync(0, SourceFile.BlockBytes, (index, block, token) => hasher.AddAsync(index, block, null, token), default);
        return hasher.Finish(file.Name);
    }
}
