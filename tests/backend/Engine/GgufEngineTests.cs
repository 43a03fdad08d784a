using Gemma2.Backend.Kernels;
using Gemma2.Backend.Sampling;
using Gemma2.Backend.Serving;
using Gemma2.Backend.Weights;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The engine on files of every type of tensor, against what double precision computes from the same numbers.</summary>
public sealed class GgufEngineTests : EngineTest
{
    /// <summary>Largest difference of a logit for kernels that round activations to 16 bits.</summary>
    private const float RoundedTolerance = 0.2f;

    public static TheoryData<string> Models => GoldenGguf.All;

    public static TheoryData<KernelFamily> Families => [.. Enum.GetValues<KernelFamily>()];

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

    /// <summary>The shortest prompt takes the kernels for decoding, the longest those for prompts.</summary>
    [Theory, MemberData(nameof(Families))]
    public async Task ComputeLogits_ForcedKernelsOnEveryModel_WithinTheirTolerance(KernelFamily family)
    {
        foreach (GoldenGgufModel model in GoldenGguf.Names.Select(GoldenGguf.Open))
        {
            await using InferenceEngine engine = await LoadOrSkipAsync(model, family);
            float tolerance = family is KernelFamily.Coopmat or KernelFamily.Int8 ? RoundedTolerance : model.Float32Tolerance;
            await CheckAsync(engine, model.Prompts.MinBy(prompt => prompt.Ids.Length)!, tolerance, model.File);
            await CheckAsync(engine, model.Prompts.MaxBy(prompt => prompt.Ids.Length)!, tolerance, model.File);
        }
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

    private static async Task CheckAsync(InferenceEngine engine, GoldenGgufPrompt prompt, float tolerance, string model = "")
    {
        float error = LargestDifference(prompt.LastLogits, await engine.ComputeLogitsAsync(prompt.Ids, Cancellation));
        Assert.True(error <= tolerance, $"{model} {prompt.Name}: error {error}, allowed {tolerance}");
    }

    private static Task<InferenceEngine> LoadAsync(GoldenGgufModel model, EngineOptions options) => InferenceEngine.LoadAsync(
        new FileModelSource(model.File), options with { AllowSoftwareDevice = true, MaxSequences = 1, ContextLength = 128 }, cancellationToken: Cancellation);

    private static async Task<InferenceEngine> LoadOrSkipAsync(GoldenGgufModel model, KernelFamily family)
    {
        try
        {
            return await LoadAsync(model, new EngineOptions { KvCacheType = KvCacheType.F32, Kernels = new KernelOptions { Forced = family } });
        }
        catch (DeviceException error) when (error.Message.Contains("cannot be used", StringComparison.Ordinal))
        {
            Assert.Skip(error.Message);
            throw;
        }
    }
}
