namespace Gemma2.EndToEnd.Tests;

/// <summary><c>dotnet test</c> of one project, on a machine that lacks what some of its tests need.</summary>
public sealed class DotnetTestTests
{
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    [Theory]
    [InlineData("backend", "ValidationReportsTests", "VK_LAYER_PATH", "The layer VK_LAYER_KHRONOS_validation is not installed")]
    [InlineData("chaos", "ChaosTests", "VK_DRIVER_FILES", "No Vulkan driver is installed")]
    public async Task DotnetTest_NoLayerOrDriver_SkipsAndSaysWhy(string project, string tests, string variable, string reason)
    {
        string nowhere = Path.Combine(Path.GetTempPath(), "no-such-folder");

        (int exitCode, string output) = await Script.RunBashAsync(
            $"dotnet test tests/{project} --configuration {Configuration} --no-build --filter FullyQualifiedName~{tests}", new Dictionary<string, string> { [variable] = nowhere });

        Assert.True(exitCode == 0, output);
        Assert.Contains($"{tests}.", output, StringComparison.Ordinal);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("Passed:", output, StringComparison.Ordinal);
    }
}
