using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Weights that are quantized while they are loaded.</summary>
public sealed class WeightTypeTests : EngineTest
{
    private static readonly int[] Prompt = [2, 10, 300, 44, 5, 6, 120, 77, 300, 9];

    [Theory]
    [InlineData(WeightType.Q8_0)]
    [InlineData(WeightType.Q4_K_M)]
    [InlineData(WeightType.F16)]
    public async Task LoadAsync_WithWeightType_ComputesAsFromAFileOfThatType(WeightType type)
    {
        string folder = Directory.CreateTempSubdirectory("gemma2-weight-type-").FullName;
        try
        {
            await using (FileStream file = File.Create(Path.Combine(folder, "model.gguf")))
                await ModelQuantizer.WriteAsync(new FolderModelSource(NanoModel.Folder), new QuantizeOptions(type), file, cancellationToken: Cancellation);
            float[] stored = await LogitsAsync(folder, new EngineOptions());
            float[] converted = await LogitsAsync(NanoModel.Folder, new EngineOptions { WeightType = type });
            Assert.Equal(stored, converted);
            Assert.True(LargestDifference(await LogitsAsync(NanoModel.Folder, new EngineOptions()), converted) > 0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<float[]> LogitsAsync(string folder, EngineOptions options)
    {
        await using InferenceEngine engine = await LoadAsync(folder, options);
        return await engine.ComputeLogitsAsync(Prompt, Cancellation);
    }
}
