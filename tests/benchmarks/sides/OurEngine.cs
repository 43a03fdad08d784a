using System.Diagnostics;
using System.Runtime.CompilerServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides;

/// <summary>This repository's engine, through the interface that the service uses.</summary>
internal sealed class OurEngine : ISide
{
    private readonly InferenceEngine _engine;

    private OurEngine(InferenceEngine engine, SideDescription description)
    {
        _engine = engine;
        Description = description;
    }

    /// <inheritdoc/>
    public SideDescription Description { get; }

    /// <summary>Loads a model and compiles its shaders.</summary>
    public static async Task<OurEngine> LoadAsync(string model, SideOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        InferenceEngine engine = await InferenceEngine.LoadAsync(LocalModel.Find(model) ?? throw new FileNotFoundException($"There is no model {model}."), new EngineOptions
        {
            Device = $"{options.Device}",
            AllowSoftwareDevice = true,
            ContextLength = options.Context,
            MaxSequences = options.Slots,
            // Where one prompt comes after the other, each shall be computed.
            ReusePrefixes = options.Slots > 1,
            KvCacheType = options.KvCache == "f32" ? KvCacheType.F32 : KvCacheType.F16,
        });
        if (options.Warms) await engine.WarmUpAsync();
        var description = new SideDescription(
            "gemma2", $"{engine.Device.Name}, {engine.Device.Driver}", engine.Config.VocabularySize, Stopwatch.GetElapsedTime(start).TotalSeconds);
        return new OurEngine(engine, description);
    }

    /// <inheritdoc/>
    public async Task<Turn> MeasureAsync(int[] prompt, int decode)
    {
        var clock = new TurnClock();
        await foreach (GeneratedToken token in _engine.GenerateAsync(Request(prompt, decode + 1, RequestClass.Interactive))) clock.Token(token.Id);
        return clock.Stop();
    }

    /// <inheritdoc/>
    public Task<float[]> LogitsAsync(int[] tokens) => _engine.ComputeLogitsAsync(tokens);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ServedToken> ServeAsync(LoadRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequestClass kind = request.IsBatch ? RequestClass.Batch : RequestClass.Interactive;
        await foreach (GeneratedToken token in _engine.GenerateAsync(Request(request.Prompt, request.NewTokens, kind), cancellationToken))
            yield return new ServedToken(token.Id, token.CachedTokens);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    private static GenerationRequest Request(int[] prompt, int newTokens, RequestClass kind) => new()
    {
        PromptTokens = prompt,
        MaxTokens = newTokens,
        Class = kind,
        IgnoreEndTokens = true,
        // How often guesses are right is a matter of the text.
        Drafts = false,
        Sampling = new SamplingOptions { Temperature = 0 },
    };
}
