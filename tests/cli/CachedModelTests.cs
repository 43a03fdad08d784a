using System.Diagnostics;
using System.Security.Cryptography;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Synthesis;
using Gemma2.Backend.Tensors;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>Processes that share a local cache of a stored model.</summary>
public sealed class CachedModelTests(AzuriteFixture azurite) : StorageTest(azurite)
{
    private const string Model = "cached";

    private static readonly string[] Generate = ["generate", $"blob:{Model}", "--tokens", "2,5,7", "--max-tokens", "4", "--temperature", "0", "--ignore-eos"];

    [Fact]
    public async Task Generate_ProcessesKilledWhileTheyFillTheCache_LeavesItRightForOthers()
    {
        using TemporaryFolder made = new(), cache = new();
        await PushAsync(made);
        string expected = (await RunAsync(Generate)).Succeeded();
        string folder = Path.Combine(cache.Path, "models");

        // From before anything is there until after all of it is.
        for (int milliseconds = 0; milliseconds <= 1200; milliseconds += 120)
        {
            using Process killed = Start(cache);
            Task<Outcome> beside = milliseconds % 240 == 0 ? GenerateAsync(cache) : Task.FromResult(new Outcome(0, expected, ""));
            await Task.Delay(milliseconds, Cancellation);
            killed.Kill();
            await killed.WaitForExitAsync(Cancellation);
            Assert.Equal(expected, (await beside).Succeeded());
        }

        // Whoever reads all of it, and finds it right, gives it its name; a process may end before what waits to be written is.
        for (int tries = 0; tries < 5 && !Directory.GetFiles(folder).Any(IsWhole); tries++)
            Assert.Equal(expected, (await GenerateAsync(cache)).Succeeded());
        string entry = Assert.Single(Directory.GetFiles(folder));
        Assert.Equal(Path.GetFileName(entry), Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(entry, Cancellation))));
    }

    [Fact]
    public async Task Generate_CacheFolderCannotBeMade_SaysSoAndAnswers()
    {
        using TemporaryFolder made = new(), cache = new();
        await PushAsync(made);
        string expected = (await RunAsync(Generate)).Succeeded();
        cache.Write("models", "A file where the folder should be.");

        Outcome outcome = await GenerateAsync(cache);

        Assert.Equal(expected, outcome.Succeeded());
        Assert.Contains($"gemma2: The cache in {Path.Combine(cache.Path, "models")} cannot be used as it should", outcome.Error, StringComparison.Ordinal);
    }

    private static bool IsWhole(string entry) => Path.GetExtension(entry).Length == 0;

    /// <summary>Some blocks of 8 MiB.</summary>
    private async Task PushAsync(TemporaryFolder made)
    {
        string file = made.File("model.gguf");
        await using (FileStream stream = File.Create(file))
            ModelSynthesizer.Write(Model, Gemma2Shapes.Tiny with { IntermediateSize = 4096 }, WeightType.F32, seed: 1, stream);
        (await RunAsync("push", file, Model)).Succeeded();
    }

    private Task<Outcome> GenerateAsync(TemporaryFolder cache) => Gemma2Program.RunAsync(Generate, "", Environment(cache));

    private Process Start(TemporaryFolder cache) => Gemma2Program.Start(Generate, Environment(cache));

    private (string Name, string? Value)[] Environment(TemporaryFolder cache) => [("AzureWebJobsStorage", ConnectionString), ("Gemma2__CacheFolder", cache.Path)];
}
