using System.Diagnostics;
using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>Kernels must not depend on the subgroup size. Lavapipe's follows its vector width, which another process can be given.</summary>
public sealed class SubgroupWidthTests(DeviceFixture fixture)
{
    internal const string OtherProcess = "GEMMA2_TESTS_OF_ANOTHER_WIDTH";

    [Fact]
    public async Task KernelTests_AnotherSubgroupSize_Pass()
    {
        Assert.SkipUnless(fixture.Device.Description.Name.StartsWith("llvmpipe", StringComparison.Ordinal), "Only lavapipe's subgroup size can be chosen.");
        Assert.SkipUnless(Environment.GetEnvironmentVariable(OtherProcess) is null, "This is the other process.");
        int bits = fixture.Device.Description.SubgroupSize == 8 ? 512 : 256;
        // Tiles in shared memory do not depend on it, and take a while to compile; the check of families has no kernels of its own.
        Type[] left = [GetType(), typeof(PromptMatrixFamilyTests), typeof(FamilyCheckTests)];
        IEnumerable<string> others = left.SelectMany(type => new[] { "-class-", type.FullName! });
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-noColor", .. others, "-namespace", GetType().Namespace!])
        {
            RedirectStandardOutput = true,
            Environment = { [CpuDriverVectors.Variable] = $"{bits}", [OtherProcess] = "1" },
        };

        using Process tests = Process.Start(start)!;
        string output = await tests.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tests.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(tests.ExitCode == 0, output);
        Assert.DoesNotContain("Total: 0", output, StringComparison.Ordinal);
    }
}
