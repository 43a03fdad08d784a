using System.Diagnostics;

namespace Gemma2.Functions.Tests;

/// <summary>How the process begins and ends.</summary>
public sealed class ProcessTests(PublishedApp published)
{
    [Theory]
    [InlineData("Gemma2__MaxSequences is 'many'; allowed: integers from 1 to 256.", "Gemma2__MaxSequences", "many")]
    [InlineData("Unknown setting Gemma2__Modell", "Gemma2__Modell", "nano")]
    [InlineData("FUNCTIONS_CUSTOMHANDLER_PORT is 'none'", "FUNCTIONS_CUSTOMHANDLER_PORT", "none")]
    [InlineData("AzureWebJobsStorage is not a usable storage connection string", "AzureWebJobsStorage", "nonsense")]
    public async Task Start_WrongSetting_EndsWithOneLineAndAnExitCode(string expected, string name, string value)
    {
        using Process process = published.Start(new() { ["Gemma2__Model"] = "nano", [name] = value });

        (_, string error) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Start_ModelThatIsNotThere_EndsWithAnExitCodeThatTheHostRestarts()
    {
        using Process process = published.Start(new() { ["Gemma2__Model"] = "./no-such-model", ["ASPNETCORE_URLS"] = "http://127.0.0.1:0" });

        (string output, _) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("no-such-model", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_ModelWithoutATokenizer_EndsWithAnExitCode()
    {
        using Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "tests/golden/models/a-base"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });

        (string output, _) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("has no tokenizer.model, nor a vocabulary in a GGUF file", output, StringComparison.Ordinal);
    }
}
