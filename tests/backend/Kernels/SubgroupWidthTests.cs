using System.Diagnostics;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>Kernels must not depend on the subgroup size. Lavapipe's follows its vector width, which another process can be given.</summary>
public sealed class SubgroupWidthTests(DeviceFixture fixture)
{
    internal const string WidthVariable = "LP_NATIVE_VECTOR_WIDTH";

    [Fact]
    public async Task KernelTests_TwiceTheSubgroupSize_Pass()
    {
        Assert.SkipUnless(fixture.Device.Description.Name.StartsWith("llvmpipe", StringComparison.Ordinal), "Only lavapipe's subgroup size can be chosen.");
        Assert.SkipUnless(Environment.GetEnvironmentVariable(WidthVariable) is null, $"{WidthVariable} is set: this is the other process.");
        int bits = 2 * 32 * fixture.Device.Description.SubgroupSize;
        // Tiles in shared memory do not depend on it, and take a while to compile.
        string[] others = ["-class-", GetType().FullName!, "-class-", typeof(PromptMatrixFamilyTests).FullName!];
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-noColor", .. others, "-namespace", GetType().Namespace!])
        {
            RedirectStandardOutput = true,
            Environment = { [WidthVariable] = $"{bits}" },
        };

        using Process tests = Process.Start(start)!;
        string output = await tests.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tests.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(tests.ExitCode == 0, output);
        Assert.DoesNotContain("Total: 0", output, StringComparison.Ordinal);
    }
}
