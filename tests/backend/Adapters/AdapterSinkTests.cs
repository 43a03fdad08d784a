using Gemma2.Backend.Adapters;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>What comes out equals, bit for bit, the sum in double precision, rounded once to float32 and then to the type.</summary>
public sealed class AdapterSinkTests
{
    private const string Target = "model.layers.0.mlp.up_proj.weight";

    [Theory]
    [InlineData(TensorType.F32, 600, false), InlineData(TensorType.F32, 7, false), InlineData(TensorType.F32, 1, true)]
    [InlineData(TensorType.BF16, 519, false), InlineData(TensorType.BF16, 519, true), InlineData(TensorType.F16, 33, false)]
    [InlineData(TensorType.Q8_0, 544, false), InlineData(TensorType.Q4_K, 768, false), InlineData(TensorType.Q6_K, 256, true), InlineData(TensorType.IQ4_NL, 96, false)]
    public void Write_PiecesOfRowsInAnyOrder_GivesTheExactSumRoundedOnce(TensorType type, int columns, bool widens)
    {
        const int Rows = 300;
        TensorEntry tensor = new(Target, type, [Rows, columns], "file", 0, Rows * type.RowBytes(columns));
        float[] values = [.. Enumerable.Range(0, Rows * columns).Select(i => (float)Math.Sin(i * 0.7) * (1 + (i % 13)))];
        byte[] bytes = AdapterFiles.Bytes(type, values);
        BlockCodec.Dequantize(type, bytes, values);
        double[] sums = Array.ConvertAll(values, value => (double)value);
        // Three adapters, in their order, each with a rank and a scale of its own.
        List<LoadedAdapter> adapters = [];
        foreach ((int rank, double factor) in ((int, double)[])[(8, 0.7), (1, -2), (37, 1 / 3.0)])
        {
            AdapterFiles files = Random(Rows, columns, rank);
            files.AddTo(Target, sums, factor);
            (float[] a, float[] b, _) = files.Matrices[Target];
            adapters.Add(new LoadedAdapter($"rank {rank}", 1, null, [new LowRankUpdate(Target, Matrix(rank, b), Matrix(columns, a), factor)]));
        }
        TensorType expectedType = widens ? TensorType.F32 : type;

        RecordingSink recorded = new();
        ITensorSink sink = new AdapterSet(adapters, isTied: true).Before(recorded, widens);
        sink.Begin([tensor]);
        int rowBytes = (int)type.RowBytes(columns);
        Parallel.ForEach(((int, int)[])[(224, 76), (0, 16), (16, 208)], piece => sink.Write(tensor, (long)piece.Item1 * rowBytes, bytes.AsSpan(piece.Item1 * rowBytes, piece.Item2 * rowBytes)));

        Assert.Equal(expectedType, recorded.Announced.Single().Type);
        byte[] expected = AdapterFiles.Bytes(expectedType, Array.ConvertAll(sums, sum => (float)sum));
        Assert.True(recorded.Bytes(Target).AsSpan().SequenceEqual(expected));
    }

    [Fact]
    public void Write_TensorThatNoAdapterChanges_IsPassedOnAsItIs()
    {
        TensorEntry tensor = new("model.norm.weight", TensorType.BF16, [4], "file", 0, 8);
        RecordingSink recorded = new();
        ITensorSink sink = Set(TensorNames.Query(0)).Before(recorded, widens: true);
        sink.Begin([tensor]);
        sink.Write(tensor, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], recorded.Bytes(tensor.Name));
        Assert.Same(tensor, recorded.Announced.Single());
    }

    [Fact]
    public void Before_NoAdapters_IsTheSinkItself()
    {
        RecordingSink recorded = new();
        Assert.Same(recorded, new AdapterSet([], isTied: true).Before(recorded, widens: false));
    }

    [Fact]
    public void Write_SumThatTheTypeCannotHold_NamesTheTensor()
    {
        TensorEntry tensor = new(Target, TensorType.F16, [1, 2], "file", 0, 4);
        ITensorSink sink = Set(Target, factor: 1e9).Before(new RecordingSink(), widens: false);
        sink.Begin([tensor]);
        ModelException error = Assert.Throws<ModelException>(() => sink.Write(tensor, 0, new byte[4]));
        Assert.Equal($"file: {Target} with the adapters added holds a number of magnitude 1E+09; F16 is for numbers up to 65504.", error.Message);
    }

    private static AdapterSet Set(string target, double factor = 1) => new([new LoadedAdapter("one", 1, null, [new LowRankUpdate(target, Matrix(1, [1]), Matrix(2, [1, 1]), factor)])], isTied: true);

    private static AdapterMatrix Matrix(int columns, float[] values) => new(TensorType.F32, columns, [AdapterFiles.Bytes(TensorType.F32, values)]);

    private static AdapterFiles Random(int rows, int columns, int rank)
    {
        Random random = new(rank);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextDouble() - 0.5f)];
        AdapterFiles files = new();
        files.Matrices.Add(Target, (Numbers(rank * columns), Numbers(rows * rank), rank));
        return files;
    }
}
