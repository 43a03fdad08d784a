using System.Runtime.InteropServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;
using Gemma2.Backend.Tests.Weights;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Models with an output matrix of their own, and such whose gate and up matrices are of two types, against double precision.</summary>
public sealed class OwnMatricesTests(ITestOutputHelper output) : EngineTest
{
    private static readonly int[] _prompt = [2, 17, 300, 17, 45, 91, 200, 311, 8, 77, 423, 55, 55, 60, 9, 100, 401, 17, 20];

    [Theory]
    [InlineData("a-base", KernelFamily.Cpu), InlineData("a-base", KernelFamily.Generic), InlineData("f-hd256", KernelFamily.Tiled)]
    public async Task ComputeLogits_OutputMatrixOfItsOwn_MatchesTheReference(string golden, KernelFamily family)
    {
        MemoryModelSource source = await WriteAsync(golden, tensor => TensorType.F32, hasHead: true);
        await using InferenceEngine engine = await LoadAsync(source, family);
        await CheckAsync(source, engine, GoldenModels.Open(golden).Float32Tolerance);

        MemoryModelSource tied = await WriteAsync(golden, tensor => TensorType.F32, hasHead: false);
        await using InferenceEngine other = await LoadAsync(tied, family);
        Assert.True(LargestDifference(await other.ComputeLogitsAsync(_prompt, Cancellation), await engine.ComputeLogitsAsync(_prompt, Cancellation)) > 1);
        Assert.NotEqual(other.Fingerprint, engine.Fingerprint);
        Assert.True(engine.WeightBytes > other.WeightBytes);
    }

    [Theory]
    [InlineData(KernelFamily.Cpu), InlineData(KernelFamily.Generic), InlineData(KernelFamily.Tiled)]
    public async Task ComputeLogits_MatricesOfManyTypes_MatchesTheReference(KernelFamily family)
    {
        MemoryModelSource source = await WriteAsync("f-hd256", MixedType, hasHead: true);
        await using InferenceEngine engine = await LoadAsync(source, family);
        await CheckAsync(source, engine, GoldenModels.Open("f-hd256").Float32Tolerance);
    }

    [Fact]
    public async Task LoadAsync_MatricesOfManyTypesWithKernelsChecked_FindsNoFault()
    {
        MemoryModelSource source = await WriteAsync("f-hd256", MixedType, hasHead: true);
        await using InferenceEngine engine = await LoadAsync(source, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1, CheckKernels = true });
        Assert.Empty(engine.Warnings);
        await CheckAsync(source, engine, GoldenModels.Open("f-hd256").Float32Tolerance);
    }

    [Fact]
    public async Task LoadAsync_OutputMatrixQuantizedWhileLoading_IsThatOfTheQuantizedFile()
    {
        MemoryModelSource floats = await WriteAsync("f-hd256", tensor => TensorType.F32, hasHead: true);
        Gemma2Config config = await ConfigAsync(floats);
        var mix = new WeightMix(WeightType.Q4_K_M, config, hasHead: true);
        MemoryModelSource quantized = await WriteAsync("f-hd256", mix.TypeOf, hasHead: true);
        var options = new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1 };
        await using InferenceEngine ofFile = await LoadAsync(quantized, options), whileLoading = await LoadAsync(floats, options with { WeightType = WeightType.Q4_K_M });
        Assert.Equal(await ofFile.ComputeLogitsAsync(_prompt, Cancellation), await whileLoading.ComputeLogitsAsync(_prompt, Cancellation));
    }

    [Fact]
    public async Task Generate_GatesOfTwoTypes_GivesEachSequenceTheSameInAnyCompany()
    {
        MemoryModelSource source = await WriteAsync("f-hd256", MixedType, hasHead: true);
        await using InferenceEngine engine = await LoadAsync(source, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 4 });
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => new GenerationRequest
        {
            PromptTokens = _prompt[..(5 + (4 * i))],
            MaxTokens = 12,
            IgnoreEndTokens = true,
            Sampling = new Decoding.SamplingOptions { Temperature = 0 },
        })];
        List<int>[] alone = new List<int>[requests.Length];
        for (int i = 0; i < requests.Length; i++) alone[i] = await GenerateAsync(engine, requests[i]);
        Assert.Equal(alone, await Task.WhenAll(requests.Select(request => GenerateAsync(engine, request))));
    }

    private static TensorType MixedType(TensorEntry tensor) => tensor switch
    {
        { Shape.Count: 1 } => TensorType.F32,
        { Name: TensorNames.Embedding } => TensorType.Q4_K,
        { Name: TensorNames.Head } => TensorType.Q6_K,
        _ when tensor.Name == TensorNames.Gate(0) => TensorType.Q5_K,
        _ when tensor.Name == TensorNames.Up(0) => TensorType.Q3_K,
        _ when tensor.Name == TensorNames.Gate(1) || tensor.Name == TensorNames.Up(1) => TensorType.Q8_0,
        _ when tensor.Name == TensorNames.Key(0) => TensorType.F16,
        _ => TensorType.Q6_K,
    };

    private async Task CheckAsync(IModelSource source, InferenceEngine engine, float tolerance)
    {
        ReferenceModel reference = await ReferenceModel.LoadAsync(source, Cancellation);
        float[] expected = [.. reference.LastLogits(_prompt).Select(logit => (float)logit)];
        float error = LargestDifference(expected, await engine.ComputeLogitsAsync(_prompt, Cancellation));
        output.WriteLine($"largest error {error:E2}, allowed {tolerance}; logits from {expected.Min()} to {expected.Max()}");
        Assert.True(error <= tolerance, $"error {error}, allowed {tolerance}");
    }

    private static async Task<Gemma2Config> ConfigAsync(IModelSource source)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        return model.Config;
    }

    /// <summary>A golden model as a GGUF file of other types, with a random output matrix where that is asked for.</summary>
    private static async Task<MemoryModelSource> WriteAsync(string golden, Func<TensorEntry, TensorType> typeOf, bool hasHead)
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(GoldenModels.Open(golden).Folder), Cancellation);
        Gemma2Config config = model.Config;
        Dictionary<string, object> metadata = new()
        {
            [GgufKeys.Architecture] = "gemma2",
            [GgufKeys.EmbeddingLength] = (uint)config.HiddenSize,
            [GgufKeys.BlockCount] = (uint)config.LayerCount,
            [GgufKeys.FeedForwardLength] = (uint)config.IntermediateSize,
            [GgufKeys.HeadCount] = (uint)config.HeadCount,
            [GgufKeys.KeyValueHeadCount] = (uint)config.KeyValueHeadCount,
            [GgufKeys.KeyLength] = (uint)config.HeadDimension,
            [GgufKeys.SlidingWindow] = (uint)config.Layers[0].Window!,
            [GgufKeys.ContextLength] = (uint)config.MaxPositions,
        };
        using MemoryStream file = new();
        ITensorSink sink = new QuantizingSink(new GgufFileSink(file, [.. metadata]), typeOf);
        if (!hasHead) await model.ReadAsync(sink, cancellationToken: Cancellation);
        else
        {
            AddedHead added = new(sink, config);
            await model.ReadAsync(added, cancellationToken: Cancellation);
            added.Finish();
        }
        return new MemoryModelSource(("m.gguf", file.ToArray()));
    }

    private sealed class AddedHead(ITensorSink next, Gemma2Config config) : ITensorSink
    {
        private readonly TensorEntry _head = new(TensorNames.Head, TensorType.F32, [config.VocabularySize, config.HiddenSize], "h", 0, 4L * config.VocabularySize * config.HiddenSize);

        public bool KeepsOrder => next.KeepsOrder;

        public void Begin(IReadOnlyList<TensorEntry> tensors) => next.Begin([.. tensors, _head]);

        public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes) => next.Write(tensor, byteOffset, bytes);

        public void Finish()
        {
            var random = new Random(5);
            float[] numbers = [.. Enumerable.Range(0, config.VocabularySize * config.HiddenSize).Select(_ => (random.NextSingle() - 0.5f) * 0.3f)];
            next.Write(_head, 0, MemoryMarshal.AsBytes<float>(numbers));
        }
    }
}
