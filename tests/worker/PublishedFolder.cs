namespace Gemma2.Worker.Tests;

/// <summary>What <c>dotnet publish functions</c> makes: the folder that a Functions host is handed.</summary>
public sealed class PublishedFolder : IAsyncLifetime
{
    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("gemma2-published-").FullName;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        string[] arguments = ["publish", "functions", "--no-build", "-c", Repository.Configuration, "-o", Path, "-v", "quiet"];
        await using RunningProgram publish = RunningProgram.Start("dotnet", Repository.Root, new() { ["MSBUILDDISABLENODEREUSE"] = "1" }, arguments);
        int exitCode = await publish.Ended;
        Assert.True(exitCode == 0, string.Join('\n', publish.Lines));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(Path, recursive: true);
        return ValueTask.CompletedTask;
    }
}
