using Gemma2.Backend.Config;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Kernels;

namespace Gemma2.Backend.Tests.Model;

/// <summary>Weights on the device, judged by what kernels compute with them.</summary>
public class WeightUploaderTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private static readonly Gemma2Config _config = new()
    {
        VocabularySize = 100,
        HiddenSize = 256,
        IntermediateSize = 512,
        Layers = LayerConfig.Alternating(1, window: 8),
        HeadCount = 3,
        KeyValueHeadCount = 1,
        HeadDimension = 32,
        QueryPreAttentionScalar = 32,
        MaxPositions = 64,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
    };

    private const long StagingBytes = 4 << 20;

    private readonly Dictionary<string, TestMatrix> _tensors = [];

    [Theory]
    [InlineData(TensorType.Q4_K, TensorType.Q4_K, TensorType.Q6_K, 2)]
    [InlineData(TensorType.Q5_1, TensorType.Q5_1, TensorType.Q5_1, 1)]
    [InlineData(TensorType.F16, TensorType.Q3_K, TensorType.IQ4_XS, 3)]
    public void Finish_MatricesOfMixedTypes_ComputeAsTheirValues(TensorType query, TensorType key, TensorType value, int matrices)
    {
        using ModelWeights weights = Load(MixOf(query, key, value));

        LayerWeights layer = weights.Layers[0];
        Assert.Equal(matrices, layer.Qkv.Count);
        Assert.Equal(160, layer.Qkv.Sum(matrix => matrix.Rows));
        float[] rows = [.. new[] { "q_proj", "k_proj", "v_proj" }.SelectMany(name => Values($"self_attn.{name}"))];
        int row = 0;
        foreach (DeviceMatrix matrix in layer.Qkv)
        {
            AssertComputes(rows.AsSpan(row * 256, matrix.Rows * 256).ToArray(), matrix);
            row += matrix.Rows;
        }
        AssertComputes(Values("self_attn.o_proj"), layer.AttentionOutput);
        AssertComputes(Values("mlp.gate_proj"), layer.Gate);
        AssertComputes(Values("mlp.up_proj"), layer.Up);
        AssertComputes(Values("mlp.down_proj"), layer.Down);
        AssertComputes(_tensors[TensorNames.Embedding].Values, weights.Embedding);
        Assert.Equal(MemoryEstimate.Of(_config, Entries(), 64, Backend.Engine.KvCacheType.F16).WeightBytes, weights.Bytes, 4096.0);
    }

    [Fact]
    public void Finish_SmallAllocationsOnly_SplitsMatricesByRows()
    {
        const long most = 6000;
        using ModelWeights weights = Load(MixOf(TensorType.Q4_0, TensorType.Q4_0, TensorType.Q4_0), most);

        LayerWeights layer = weights.Layers[0];
        foreach (DeviceMatrix matrix in new[] { weights.Embedding, layer.Qkv[0], layer.Down, layer.Gate })
        {
            Assert.InRange(matrix.Parts.Count, 2, 100);
            Assert.All(matrix.Parts, part => Assert.True(matrix.Layout.Bytes(part.Rows) <= most || part.Rows == matrix.Layout.TileRows));
        }
        AssertComputes([.. new[] { "q_proj", "k_proj", "v_proj" }.SelectMany(name => Values($"self_attn.{name}"))], layer.Qkv[0]);
        AssertComputes(Values("mlp.down_proj"), layer.Down);
        AssertComputes(Values("mlp.gate_proj"), layer.Gate);
        AssertComputes(_tensors[TensorNames.Embedding].Values, weights.Embedding);
    }

    [Fact]
    public void Finish_EmbeddingAboveTheDevicesLargestAllocation_IsInParts()
    {
        const int width = 8192;
        long rows = (Device.Description.MaxAllocationBytes / (width * sizeof(float))) + 1000;
        Assert.SkipUnless(rows < 100_000, "This device gives more memory at once than the test should take.");
        Gemma2Config config = _config with { VocabularySize = (int)rows, HiddenSize = width, Layers = [] };
        using var uploader = new WeightUploader(Device, config, StagingBytes);

        // Nothing is written: memory that is not touched costs nothing here.
        uploader.Begin([new(TensorNames.Embedding, TensorType.F32, [rows, width], "f", 0, 0), new(TensorNames.FinalNorm, TensorType.F32, [width], "f", 0, 0)]);
        using ModelWeights weights = uploader.Finish();

        Assert.Equal(2, weights.Embedding.Parts.Count);
        Assert.Equal(rows, weights.Embedding.Rows);
        Assert.All(weights.Embedding.Parts, part => Assert.True(weights.Embedding.Layout.Bytes(part.Rows) <= Device.Description.MaxAllocationBytes));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Finish_Norms_AreFactors(bool holdsFactor)
    {
        const int width = 256;
        using ModelWeights weights = Load(MixOf(TensorType.F32, TensorType.F32, TensorType.F32), holdsFactor: holdsFactor);
        var kernel = Own(new RmsNormKernel(Device));
        foreach ((string name, ulong address) in new[]
        {
            (TensorNames.FinalNorm, weights.FinalNorm), (TensorNames.InputNorm(0), weights.Layers[0].InputNorm), (TensorNames.PostFeedForwardNorm(0), weights.Layers[0].PostFeedForwardNorm),
        })
        {
            float[] x = RandomNumbers(width), factors = [.. _tensors[name].Values.Select(value => holdsFactor ? value : value + 1)];
            Activation y = PoisonedRows(1, width);

            Run(commands => kernel.Record(commands, UploadRows(x, width), address, y, 1e-6, 1));

            double[] expected = Oracle.RmsNorm(Array.ConvertAll(x, v => (double)v), factors, 1e-6);
            AssertClose(expected, ReadRows(y, 1), i => (1e-5 * Math.Abs(expected[i])) + 1e-6);
        }
    }

    private static Dictionary<string, TensorType> MixOf(TensorType query, TensorType key, TensorType value) => new()
    {
        [TensorNames.Query(0)] = query,
        [TensorNames.Key(0)] = key,
        [TensorNames.Value(0)] = value,
        [TensorNames.AttentionOutput(0)] = TensorType.Q8_0,
        [TensorNames.Gate(0)] = TensorType.BF16,
        [TensorNames.Up(0)] = TensorType.BF16,
        [TensorNames.Down(0)] = TensorType.Q2_K,
        [TensorNames.Embedding] = TensorType.Q6_K,
        [TensorNames.FinalNorm] = TensorType.F16,
    };

    /// <summary>A group of rows, two, one, and so on.</summary>
    private static IEnumerable<(int Row, int Count)> Pieces(int rows)
    {
        for (int row = 0, groups = 1; row < rows; row += groups * ITensorSink.GroupRows, groups = 3 - groups)
            yield return (row, Math.Min(groups * ITensorSink.GroupRows, rows - row));
    }

    /// <summary>Makes random tensors and loads them by several threads, some rows at a time, in no order.</summary>
    private ModelWeights Load(Dictionary<string, TensorType> types, long? maxAllocationBytes = null, bool holdsFactor = false)
    {
        foreach ((string name, long[] shape) in TensorCatalog.Shapes(_config))
        {
            TensorType type = types.GetValueOrDefault(name, TensorType.F32);
            int rows = shape.Length == 1 ? 1 : (int)shape[0];
            _tensors.Add(name, TestMatrix.Random(Random, type, rows, (int)shape[^1]));
        }
        using var uploader = new WeightUploader(Device, _config, StagingBytes, maxAllocationBytes);
        TensorEntry[] entries = [.. Entries().Select(entry => entry with { HoldsFactor = holdsFactor }).Reverse()];
        uploader.Begin(entries);
        ulong embedding = uploader.Weights.Embedding.Parts[0].Address;
        (TensorEntry Entry, int Row, int Count)[] pieces = [.. entries.SelectMany(entry => Pieces(_tensors[entry.Name].Rows).Select(piece => (entry, piece.Row, piece.Count)))];
        Random.Shuffle(pieces);
        Parallel.ForEach(pieces, new ParallelOptions { MaxDegreeOfParallelism = 4 }, piece =>
        {
            (TensorEntry entry, int row, int count) = piece;
            TestMatrix tensor = _tensors[entry.Name];
            int rowBytes = tensor.Stored.Length / tensor.Rows;
            uploader.Write(entry, row * rowBytes, tensor.Stored.AsSpan(row * rowBytes, count * rowBytes));
        });
        ModelWeights weights = uploader.Finish();
        Assert.Equal(embedding, weights.Embedding.Parts[0].Address);
        return weights;
    }

    private IEnumerable<TensorEntry> Entries() => TensorCatalog.Shapes(_config)
        .Select(shape => new TensorEntry(shape.Key, _tensors[shape.Key].Type, shape.Value, "f", 0, _tensors[shape.Key].Stored.Length));

    private float[] Values(string part) => _tensors[$"model.layers.0.{part}.weight"].Values;

    private void AssertComputes(float[] values, DeviceMatrix matrix)
    {
        Assert.Equal(values.Length, matrix.Rows * matrix.Columns);
        float[] x = RandomNumbers(matrix.Columns);
        Activation y = PoisonedRows(1, matrix.Rows);
        var kernels = Own(new MatrixKernels(Device, KernelOptions.Default));

        Run(commands => kernels.Record(commands, matrix, UploadRows(x, matrix.Columns), y, new RowCounts(0, 1)));

        (double[] expected, _) = Oracle.Multiply(values, x, matrix.Rows, matrix.Columns);
        double bound = 3e-6 * values.Max(Math.Abs) * x.Sum(v => (double)Math.Abs(v));
        AssertClose(expected, ReadRows(y, 1), _ => bound);
    }
}

/// <summary>The same where the host does not see the device's memory.</summary>
public sealed class StagedWeightUploaderTests(HiddenMemoryFixture fixture) : WeightUploaderTests(fixture), IClassFixture<HiddenMemoryFixture>;
