using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Gemma2.Chaos.Tests.Processes;
using Gemma2.Testing;

namespace Gemma2.Chaos.Tests;

/// <summary>
/// Delivery is at least once, results are once: several processes of the app work on batches and jobs while they are killed, storage goes away, and calls
/// and messages are lost and doubled. In the end each request has exactly one result, the same as in a quiet run, and nothing else is left.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public Task Run_EverythingBreaks_EachRequestHasOneRightResult() => RunAsync(new ChaosOptions());

    [Fact]
    public Task Run_EverythingBreaksUnderFunctionsHosts_EachRequestHasOneRightResult() => RunAsync(new ChaosOptions { IsHosted = true });

    private async Task RunAsync(ChaosOptions options, [CallerMemberName] string test = "")
    {
        Machine.NeedsDevice();
        Assert.SkipUnless(AzuriteProcess.IsInstalled, "Azurite is not installed: run 'npm ci --prefix tools/azurite'.");
        if (OwnNetwork.IsHere)
        {
            await RunHereAsync(options);
        }
        else if (await OwnNetwork.CanBeMadeAsync(Cancellation))
        {
            string[] command = [Path.Combine(AppContext.BaseDirectory, "Chaos.Tests"), "-method", $"*.{nameof(ChaosTests)}.{test}", "-showLiveOutput", "-noLogo", "-noColor"];
            var said = new ConcurrentQueue<string>();
            int exitCode = await OwnNetwork.RunAsync(command, line => { output.WriteLine(line); said.Enqueue(line); }, Cancellation);
            Assert.True(exitCode == 0, string.Join('\n', said));
        }
        else
        {
            output.WriteLine("Without callbacks: this machine lets no user make a network of their own.");
            await RunHereAsync(options);
        }
    }

    private async Task RunHereAsync(ChaosOptions options)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gemma2-chaos-");
        await using AzuriteProcess? azurite = await AzuriteProcess.TryStartAsync(
            Path.Combine(folder.FullName, "azurite"), ChaosRun.QuietAccount, ChaosRun.ChaosAccount);
        var run = new ChaosRun(options, azurite!, folder.FullName, output.WriteLine);
        IReadOnlyList<string> findings;
        await using (run) findings = await run.RunAsync(Cancellation);

        output.WriteLine(run.Report.ToString());
        Assert.True(findings.Count == 0, $"{string.Join('\n', findings)}\nThe processes' logs are in {folder.FullName}.");
        await azurite!.StopAsync();
        folder.Delete(recursive: true);
    }
}
