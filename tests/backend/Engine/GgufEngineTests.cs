using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The engine on files of every type of tensor, against what double precision computes from the same numbers.</summary>
public sealed class GgufEngineTests : EngineTest
{
    public static TheoryData<string> Models => GoldenGguf.All;

    [Theory, MemberData(nameof(Models))]
    public async Task ComputeLogits_EveryPrompt_WithinFloat32Tolerance(string name)
    {
        GoldenGgufModel model = GoldenGguf.Open(name);
        await using InferenceEngine engine = await LoadAsync(model, new EngineOptions { KvCacheType = KvCacheType.F32 });
        foreach (GoldenGgufPrompt prompt in model.Prompts)
        {
            await CheckAsync(engine, prompt, model.Float32Tolerance);
            Assert.Equal(prompt.Greedy, await GenerateAsync(engine, new GenerationRequest
            {
                PromptTokens = prompt.Ids,
                MaxTokens = prompt.Greedy.Length,
                IgnoreEndTokens = true,
                Sampling = new SamplingOptions { Temperature = 0 },
            }));
        }
    }

    [Theory, InlineData("k256/Q4_K_M"), InlineData("k256/Q3_K_M"), InlineData("s64/Q4_0-pure"), InlineData("s64/Q8_0")]
    public async Task ComputeLogits_Float16Cache_WithinItsTolerance(string name)
    {
        GoldenGgufModel model = GoldenGguf.Open(name);
        await using InferenceEngine engine = await LoadAsync(model, new EngineOptions());
        Assert.Equal(KvCacheType.F16, engine.KvCacheType); // of itself, as the weights are quantized
        foreach (GoldenGgufPrompt prompt in model.Prompts) await CheckAsync(engine, prompt, model.Float16CacheTolerance);
    }

    [Fact]
    public async Task LoadAsync_KernelsChecked_FindsNoFault()
    {
        GoldenGgufModel model = GoldenGguf.Open("k256/Q4_K_M");
        await using InferenceEngine engine = await LoadAsync(
            model, new EngineOptions { KvCacheType = KvCacheType.F32, CheckKernels = true, Kernels = new KernelOptions { TurnedOff = [KernelFamily.Cpu] } });
        Assert.Empty(engine.Warnings);
        await CheckAsync(engine, model.Prompts[0], model.Float32Tolerance);
    }

    private static async Task CheckAsync(InferenceEngine engine, GoldenGgufPrompt prompt, float tolerance)
    {
        float error = LargestDifference(prompt.LastLogits, await engine.ComputeLogitsAsync(prompt.Ids, Cancellation));
        Assert.True(error <= tolerance, $"{prompt.Name}: error {error}, allowed {tolerance}");
    }

    private static Task<InferenceEngine> LoadAsync(GoldenGgufModel model, EngineOptions options) =>
        LoadAsync(new FileModelSource(model.File), options with { MaxSequences = 1, ContextLength = 128 });
}
