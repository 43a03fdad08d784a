using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>All golden models through each family of matrix kernels. What a device or a build lacks is skipped.</summary>
public sealed class KernelFamilyTests(ITestOutputHelper output) : EngineTest
{
    public static TheoryData<KernelFamily> Families => [.. Enum.GetValues<KernelFamily>()];

    [Theory]
    [MemberData(nameof(Families))]
    public async Task ComputeLogits_QuantizedModels_WithinTheFamilysTolerance(KernelFamily family)
    {
        float largest = 0;
        foreach (string name in GoldenGguf.Names)
        {
            GoldenGgufModel model = GoldenGguf.Open(name);
            await using InferenceEngine engine = await LoadAsync(new FileModelSource(model.File), family);
            float error = 0;
            foreach (GoldenGgufPrompt prompt in model.Prompts)
                error = Math.Max(error, LargestDifference(prompt.LastLogits, await engine.ComputeLogitsAsync(prompt.Ids, Cancellation)));
            output.WriteLine($"{name} by {family}: largest error {error:E2}");
            largest = Math.Max(largest, error);
            float allowed = family switch
            {
                KernelFamily.Coopmat => model.Float16CacheTolerance, // of activations in float16
                KernelFamily.Int8 => 10 * model.Float32Tolerance, // activations in 16 bits, a hundredth of what those of 8 bits would need
                _ => model.Float32Tolerance,
            };
            Assert.True(error <= allowed, $"{name}: error {error}, allowed {allowed}");
        }
        output.WriteLine($"largest error {largest:E2}");
    }

    [Theory]
    [InlineData(KernelFamily.Cpu)]
    [InlineData(KernelFamily.Generic)]
    [InlineData(KernelFamily.Tiled)]
    [InlineData(KernelFamily.Coopmat)]
    public async Task ComputeLogits_FloatModels_WithinTheFamilysTolerance(KernelFamily family)
    {
        foreach (string name in GoldenModels.Names)
        {
            GoldenModel model = GoldenModels.Open(name);
            await using InferenceEngine engine = await LoadAsync(new FolderModelSource(model.Folder), family);
            float error = 0;
            foreach (GoldenPrompt prompt in model.Prompts)
                error = Math.Max(error, LargestDifference(model.Tensor(prompt.LastLogits), await engine.ComputeLogitsAsync(prompt.Ids, Cancellation)));
            output.WriteLine($"{name} by {family}: largest error {error:E2}");
            float allowed = family == KernelFamily.Coopmat ? model.Float16CacheTolerance : model.Float32Tolerance;
            Assert.True(error <= allowed, $"{name}: error {error}, allowed {allowed}");
        }
    }
}
