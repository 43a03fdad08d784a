using System.Diagnostics;
using Gemma2.Storage;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

/// <summary>A test with an empty storage account of its own.</summary>
public abstract class StorageTest
{
    private protected StorageTest(AzuriteFixture azurite)
    {
        ConnectionString = azurite.NewConnectionString();
        Connection = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? ConnectionString : null);
    }

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected string ConnectionString { get; }

    private protected StorageConnection Connection { get; }

    private protected Task<Outcome> RunAsync(params string[] arguments) => Gemma2Program.RunAsync(arguments, "", ("AzureWebJobsStorage", ConnectionString));

    private protected Task<Outcome> RunInShellAsync(string line) => Gemma2Program.RunInShellAsync(line, ("AzureWebJobsStorage", ConnectionString));

    /// <summary>Runs <c>gemma2 ARGUMENTS</c> with its standard streams at a terminal, and gives all that the terminal got.</summary>
    private protected async Task<Outcome> RunAtTerminalAsync(string arguments) =>
        await RunInShellAsync($"exec script -qec \"$GEMMA2 {arguments}\" /dev/null");

    private protected Process Start(params string[] arguments) => Gemma2Program.Start(arguments, ("AzureWebJobsStorage", ConnectionString));

    /// <summary>Presses Ctrl+C, and gives what the program then still writes.</summary>
    private protected static async Task<Outcome> InterruptAsync(Process process)
    {
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(Cancellation);
        Task<string> output = process.StandardOutput.ReadToEndAsync(Cancellation);
        string error = await process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        return new Outcome(process.ExitCode, await output, error);
    }
}
