using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Text;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Engine;

public sealed class EngineFingerprintTests : EngineTest
{
    private static readonly EngineFingerprint Known = new("weights", SyntheticModel.TwoWideLayers, ChatTemplate.Of(Vocabularies.Small), Vocabularies.Small, SamplingDefaults.None, KvCacheType.F16, "cpu", "device; driver; 8");

    [Fact]
    public void ToString_TheSamePartsAgain_IsTheSame()
    {
        Assert.Equal(Known.ToString(), (Known with { }).ToString());
        Assert.Matches("^[0-9a-f]{32}$", Known.ToString());
    }

    [Fact]
    public void ToString_AnyPartThatDiffers_Differs() => Assert.Distinct(new[]
    {
        Known,
        Known with { Weights = "other weights" },
        Known with { Config = Known.Config with { RopeTheta = 10001 } },
        Known with { Config = Known.Config with { Layers = [.. Known.Config.Layers.Reverse()] } },
        Known with { Config = Known.Config with { EndTokens = [1] } },
        Known with { ChatTemplate = ChatTemplate.Of(Vocabularies.Small, new ChatTemplateText("another", "a test")) },
        Known with { Tokenizer = null },
        Known with { Sampling = new SamplingDefaults(TopK: 64) },
        Known with { KvCacheType = KvCacheType.F32 },
        Known with { Families = "generic" },
        Known with { Device = "other device; driver; 8" },
        Known with { Device = "device; other driver; 8" },
        Known with { Device = "device; driver; 16" },
    }.Select(fingerprint => fingerprint.ToString()));

    [Fact]
    public async Task Fingerprint_TheSameModelInAnotherFolder_IsTheSame()
    {
        using ChangedModel one = new("a-base"), other = new("a-base");
        Assert.Equal(await OfAsync(one.Path), await OfAsync(other.Path));
    }

    [Fact]
    public async Task Fingerprint_WhateverChangesAnswers_ChangesIt()
    {
        using ChangedModel model = new("a-base"), changed = new("a-base"), windowed = new("a-base");
        changed.SetEmbedding(token: 9, column: 3, 0.25f);
        windowed.SetConfig("sliding_window", 5);
        Assert.Distinct(
        [
            await OfAsync(model.Path),
            await OfAsync(changed.Path),
            await OfAsync(windowed.Path),
            await OfAsync(model.Path, new EngineOptions { WeightType = WeightType.Q8_0, KvCacheType = KvCacheType.F32 }),
            await OfAsync(model.Path, new EngineOptions { KvCacheType = KvCacheType.Q8_0 }),
            await OfAsync(model.Path, new EngineOptions { KvCacheType = KvCacheType.F16 }),
            await OfAsync(model.Path, new EngineOptions { Kernels = new KernelOptions { Forced = KernelFamily.Tiled } }),
            await OfAsync(model.Path, new EngineOptions { Kernels = new KernelOptions { Forced = KernelFamily.Generic } }),
        ]);
    }

    [Fact]
    public async Task Fingerprint_WhatTheModelsOwnChoiceIs_ChangesNothing()
    {
        using var model = new ChangedModel("a-base");
        Assert.Equal(await OfAsync(model.Path), await OfAsync(model.Path, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 2, ContextLength = 100 }));
    }

    private static async Task<string> OfAsync(string folder, EngineOptions? options = null)
    {
        await using InferenceEngine engine = await LoadAsync(folder, options);
        return engine.Fingerprint;
    }
}
