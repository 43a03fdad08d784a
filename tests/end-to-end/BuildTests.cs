using System.Text.Json.Nodes;

namespace Gemma2.EndToEnd.Tests;

/// <summary>What the build makes sure of, beyond what a compiler does.</summary>
public sealed class BuildTests
{
    [Theory]
    [InlineData("true", 1, "error : RequireAllShaders does not allow to leave out mat_mul_coopmat. /bin/false does not know GL_KHR_cooperative_matrix;")]
    [InlineData("", 0, "Left out: mat_mul_coopmat. /bin/false does not know GL_KHR_cooperative_matrix;")]
    public async Task Build_CompilerDoesNotKnowAShadersExtension_IsAnErrorWhereAllAreRequired(string required, int expected, string message)
    {
        (int exitCode, string output) = await Script.RunBashAsync(
            $"source scripts/common.sh; dotnet msbuild vulkan-backend -target:ProbeModernGlslc -property:ModernGlslc=/bin/false -property:RequireAllShaders={required} -nologo -terminalLogger:off");

        Assert.Equal(expected, exitCode);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    // The Functions SDK generates this project at each build, and nothing of the repository's settings reaches it by itself.
    [Fact]
    public void Build_ProjectThatTheFunctionsSdkGenerates_IsRestoredByTheLockFile()
    {
        string assets = Path.Combine(Script.Root, "functions/obj/Release/net10.0/WorkerExtensions/obj/project.assets.json");
        JsonNode restored = JsonNode.Parse(File.ReadAllText(assets))!;
        JsonObject locked = JsonNode.Parse(File.ReadAllText(Path.Combine(Script.Root, "functions/WorkerExtensions.lock.json")))!["dependencies"]!["net8.0"]!.AsObject();

        Assert.Equal("true", (string?)restored["project"]!["restore"]!["restoreLockProperties"]!["restorePackagesWithLockFile"]);
        Assert.Equal(
            locked.Select(package => $"{package.Key}/{package.Value!["resolved"]} {package.Value["contentHash"]}").Order(StringComparer.Ordinal),
            restored["libraries"]!.AsObject().Select(library => $"{library.Key} {library.Value!["sha512"]}").Order(StringComparer.Ordinal));
    }
}
