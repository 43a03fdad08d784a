using System.Diagnostics;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>Storage that is not there, or goes away: one line, and no command that hangs.</summary>
public sealed class OutageTests(AzuriteFixture azurite) : StorageTest(azurite)
{
    [Fact]
    public async Task Run_StorageDown_FailsWithOneLine()
    {
        using var cable = new Cable(BlobEndpoint);
        cable.Cut();
        // At the same time: each tries again for a while before it gives up.
        string[] commands = ["jobs show x", "jobs failed", "batch watch x", "batch list", "submit --model nano --prompt x"];
        Outcome[] outcomes = await Task.WhenAll(commands.Select(command => Gemma2Program.RunAsync(command.Split(' '), "", ("AzureWebJobsStorage", Through(cable)))));
        Assert.All(outcomes, outcome => outcome.Failed(1, "failed: "));
    }

    [Fact]
    public async Task BatchWatch_StorageGoesAwayAndComesBack_GoesOn()
    {
        OwnedId id = await CreateBatchAsync();
        using var cable = new Cable(BlobEndpoint);
        using Process process = Gemma2Program.Start(["batch", "watch", id.Id], ("AzureWebJobsStorage", Through(cable)));
        Assert.Equal($"{id}: validating", await process.StandardError.ReadLineAsync(Cancellation));
        cable.Cut();
        Assert.StartsWith($"{id}: storage does not answer, trying again (", await process.StandardError.ReadLineAsync(Cancellation));
        cable.Mend();
        Assert.Equal($"{id}: validating", await process.StandardError.ReadLineAsync(Cancellation));
        (await InterruptAsync(process)).Failed(130, "interrupted");
    }

    private Uri BlobEndpoint => new(ConnectionString.Split("BlobEndpoint=")[1].Split(';')[0]);

    private string Through(Cable cable) => ConnectionString.Replace($":{BlobEndpoint.Port}/", $":{cable.Port}/", StringComparison.Ordinal);

    private async Task<OwnedId> CreateBatchAsync()
    {
        await StorageProvisioning.EnsureCreatedAsync(Connection, Cancellation);
        StoredFile file = await new FileStore(Connection).UploadAsync(
            new OwnedId(null, FileStore.NewId()), "requests.jsonl", FileStore.BatchPurpose, new MemoryStream([1]), null, Cancellation);
        return (await new BatchStore(Connection).CreateAsync(new NewBatch(null, BatchEndpoint.All[0], file.Key.Id), Cancellation)).Key;
    }
}
