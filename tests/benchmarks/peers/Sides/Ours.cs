using System.Diagnostics;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Model;

namespace Gemma2.Benchmarks.Peers.Sides;

/// <summary>This repository's engine, through the interface that the service uses.</summary>
internal sealed class Ours : ISide
{
    private readonly InferenceEngine _engine;

    private Ours(InferenceEngine engine, SideDescription description)
    {
        _engine = engine;
        Description = description;
    }

    /// <inheritdoc/>
    public SideDescription Description { get; }

    /// <summary>Loads a model and compiles its shaders.</summary>
    public static async Task<Ours> LoadAsync(string model, SideOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        InferenceEngine engine = await InferenceEngine.LoadAsync(LocalModel.Find(model) ?? throw new FileNotFoundException($"There is no model {model}."), new EngineOptions
        {
            Device = $"{options.Device}",
            AllowSoftwareDevice = true,
            ContextLength = options.Context,
            MaxSequences = 1,
            KvCacheType = options.KvCache == "f32" ? KvCacheType.F32 : KvCacheType.F16,
        });
        await engine.WarmUpAsync();
        var description = new SideDescription(
            "gemma2", $"{engine.Device.Name}, {engine.Device.Driver}", engine.Config.VocabularySize, Stopwatch.GetElapsedTime(start).TotalSeconds);
        return new Ours(engine, description);
    }

    /// <inheritdoc/>
    public async Task<Turn> MeasureAsync(int[] prompt, int decode)
    {
        var request = new GenerationRequest
        {
            PromptTokens = prompt,
            MaxTokens = decode + 1,
            IgnoreEndTokens = true,
            Sampling = new SamplingOptions { Temperature = 0 },
        };
        var clock = new TurnClock();
        await foreach (GeneratedToken token in _engine.GenerateAsync(request)) clock.Token(token.Id);
        return clock.Stop();
    }

    /// <inheritdoc/>
    public Task<float[]> LogitsAsync(int[] tokens) => _engine.ComputeLogitsAsync(tokens);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
