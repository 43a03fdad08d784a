using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Adapters;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>A model with adapters computes what the merged model does, and is the same model by its fingerprint.</summary>
public sealed class AdapterEngineTests : EngineTest
{
    private static readonly int[] Prompt = [2, 10, 300, 44, 5, 6, 120, 77, 300, 9];
    private static readonly string[] Targets = [TensorNames.Query(0), TensorNames.Value(3), TensorNames.Down(5), TensorNames.Embedding];

    [Theory]
    [InlineData(null)]
    [InlineData(WeightType.Q8_0)]
    [InlineData(WeightType.Q4_K_M)]
    public async Task LoadAsync_WithAdapters_ComputesAsTheMergedModel(WeightType? type)
    {
        Gemma2Config config = Gemma2Config.Parse(await File.ReadAllBytesAsync(Path.Combine(NanoModel.Folder, "config.json"), Cancellation), "nano");
        // Among the K types a model that has an output matrix of its own in its files has a smaller embedding than one that gets it by an adapter.
        string[] targets = type is WeightType.Q4_K_M ? Targets[..^1] : Targets;
        AdapterFiles first = AdapterFiles.Of(config, rank: 4, seed: 1, targets), second = AdapterFiles.Of(config, rank: 2, seed: 2, Targets[..1]);
        EngineOptions options = new() { WeightType = type }, adapted = options with { Adapters = [new AdapterSource(first.Peft()), new AdapterSource(second.Gguf(), 0.5)] };

        (string fingerprint, float[] logits) = await ComputeAsync(MemoryModelSource.Of(NanoModel.Folder), adapted);
        (string merged, float[] expected) = await ComputeAsync(await MergedAsync((first, 4), (second, 4)), options);
        (string plain, float[] others) = await ComputeAsync(MemoryModelSource.Of(NanoModel.Folder), options);

        Assert.Equal(expected, logits);
        Assert.True(LargestDifference(others, logits) > 0);
        Assert.NotEqual(plain, fingerprint);
        Assert.Equal(merged, fingerprint);

        // A matrix that is changed is float32 where it is quantized later, and of the model's type where it is not.
        async Task<MemoryModelSource> MergedAsync(params (AdapterFiles Files, double Factor)[] adapters)
        {
            RecordingSink plain = new();
            await plain.ReadAsync(MemoryModelSource.Of(NanoModel.Folder));
            MemoryModelSource source = MemoryModelSource.Of(NanoModel.Folder);
            // The output matrix stays as the embedding was.
            TensorEntry head = plain.Announced.Single(tensor => tensor.Name == TensorNames.Embedding) with { Name = TensorNames.Head };
            source.Files["model.safetensors"] = AdapterFiles.Safetensors(
            [
                .. plain.Announced.Select(tensor => Merge(tensor, plain.Bytes(tensor.Name), type is null, adapters)),
                Merge(head, plain.Bytes(TensorNames.Embedding), type is null, adapters),
            ]);
            return source;
        }
    }

    private static (string Name, TensorType Type, long[] Shape, float[] Values) Merge(TensorEntry tensor, byte[] bytes, bool keepsType, (AdapterFiles Files, double Factor)[] adapters)
    {
        float[] values = new float[tensor.Shape.Aggregate(1L, (product, dimension) => product * dimension)];
        BlockCodec.Dequantize(tensor.Type, bytes, values);
        double[] sums = Array.ConvertAll(values, value => (double)value);
        (AdapterFiles Files, double Factor)[] those = [.. adapters.Where(one => one.Files.Matrices.ContainsKey(tensor.Name))];
        foreach ((AdapterFiles files, double factor) in those) files.AddTo(tensor.Name, sums, factor);
        return (tensor.Name, keepsType || those.Length == 0 ? tensor.Type : TensorType.F32, [.. tensor.Shape], Array.ConvertAll(sums, sum => (float)sum));
    }

    private static async Task<(string Fingerprint, float[] Logits)> ComputeAsync(MemoryModelSource source, EngineOptions options)
    {
        await using InferenceEngine engine = await LoadAsync(source, options);
        return (engine.Fingerprint, await engine.ComputeLogitsAsync(Prompt, Cancellation));
    }
}
