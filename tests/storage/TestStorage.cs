using System.Security.Cryptography;
using Azure.Storage.Blobs;
using Gemma2.Storage.Models;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests;

/// <summary>A new, empty storage account: as the library sees it, through a transport that can show faults, and as the SDK sees it.</summary>
internal sealed class TestStorage
{
    public TestStorage(AzuriteFixture azurite)
    {
        ConnectionString = azurite.NewConnectionString();
        Connection = Connect(ConnectionString, new StorageTuning { Retry = Quick, Breaker = Never, Transport = Faults });
        Blobs = new BlobServiceClient(ConnectionString);
    }

    /// <summary>Retries without waits that a test would feel.</summary>
    public static StorageRetryOptions Quick { get; } = new() { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), MaxRetries = 4, Patience = TimeSpan.FromDays(1) };

    /// <summary>A breaker that stays closed, whatever a test plays.</summary>
    public static StorageBreakerOptions Never { get; } = new() { MinimumTries = int.MaxValue };

    public string ConnectionString { get; }

    public FaultTransport Faults { get; } = new();

    public StorageConnection Connection { get; }

    public BlobServiceClient Blobs { get; }

    public BlobClient Blob(string container, string name) => Blobs.GetBlobContainerClient(container).GetBlobClient(name);

    /// <summary>Replaces a model's manifest by one with small blocks, or by one that knows of none.</summary>
    public async Task WriteManifestAsync(string model, string folder, int? blockBytes)
    {
        BlobClient blob = Blob(StorageNames.Models, $"{model}/{ModelManifest.FileName}");
        ModelManifest manifest = ModelManifest.Parse(model, (await blob.DownloadContentAsync()).Value.Content);
        ModelFile[] files = [.. manifest.Files.Select(file => blockBytes is { } bytes ? Hash(Path.Combine(folder, file.Name), bytes) : file with { Blocks = null })];
        await blob.UploadAsync(BinaryData.FromBytes(new ModelManifest(files).ToJson()), overwrite: true);
    }

    private static ModelFile Hash(string path, int blockBytes)
    {
        byte[] bytes = File.ReadAllBytes(path);
        string[] blocks = [.. bytes.Chunk(blockBytes).Select(block => Convert.ToHexStringLower(SHA256.HashData(block)))];
        return new ModelFile(Path.GetFileName(path), bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)), new ModelBlocks(blockBytes, blocks));
    }

    public static StorageConnection Connect(string connectionString, StorageTuning tuning) =>
        StorageConnection.FromSettings(key => key == "Storage" ? connectionString : null, "Storage", tuning);
}

/// <summary>A folder that looks like a small Hugging Face model, of random bytes.</summary>
internal sealed class TestModel : IDisposable
{
    public const string Weights = "model.safetensors";

    public TestModel(int weightBytes = 1_000_000)
    {
        Directory.CreateDirectory(Folder);
        Write("config.json", "{}"u8.ToArray());
        Write("tokenizer.model", RandomNumberGenerator.GetBytes(70_000));
        Write(Weights, RandomNumberGenerator.GetBytes(weightBytes));
        Write("README.md", "not a part of the model"u8.ToArray());
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "gemma2-tests-" + Guid.NewGuid().ToString("N"));

    public byte[] Read(string file) => File.ReadAllBytes(Path.Combine(Folder, file));

    public void Write(string file, byte[] bytes) => File.WriteAllBytes(Path.Combine(Folder, file), bytes);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
