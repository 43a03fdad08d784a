using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class RopeStoreKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private const double Theta = 10000;

    public static TheoryData<int, int, int, uint[], TensorType> Shapes()
    {
        var shapes = new TheoryData<int, int, int, uint[], TensorType>();
        foreach (TensorType type in new[] { TensorType.F32, TensorType.F16, TensorType.Q8_0 })
        {
            shapes.Add(4, 2, 16, [0], type);
            shapes.Add(4, 2, 16, [29, 30, 31, 32, 33, 34, 35], type); // around a block's end
            shapes.Add(2, 1, 18, [8000, 8001, 8002], type);
            shapes.Add(1, 1, 2, [3, 4], type);
            shapes.Add(2, 1, 72, [31], type);
            shapes.Add(2, 1, 144, [62, 63, 64, 65], type);
            shapes.Add(2, 1, 256, [31, 32, 33, 34, 35, 36, 37, 38, 39], type);
            shapes.Add(1, 1, 512, [7], type);
        }
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RopeStore_RowsOfOneSequence_MatchOracle(int heads, int kvHeads, int headDimension, uint[] positions, TensorType type) =>
        Check(Shape(heads, kvHeads, headDimension), [.. positions.Select(position => new StepRow(0, position, 0))], type, scale: 1);

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.Q8_0)]
    public void RopeStore_RowsOfSeveralSequences_WriteTheirOwnBlocks(TensorType type) =>
        Check(Shape(4, 2, 32), [new(9, 3, 2), new(9, 17, 0), new(9, 0, 3), new(9, 64, 0), new(9, 65, 0), new(9, 3, 0)], type, scale: 1e4f);

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.Q8_0)]
    public void RopeStore_Repeated100Times_GivesTheBitsOfEachRowAlone(TensorType type)
    {
        AttentionShape shape = Shape(4, 2, 64);
        StepRow[] rows = [.. Enumerable.Range(0, 40).Select(i => new StepRow(0, (uint)((i * 7) + 20), (uint)(i % 3)))];
        float[] qkv = RandomNumbers(rows.Length * shape.QkvWidth);
        (float[] Queries, float[] Stored)? alone = null;
        for (int i = 0; i <= 100; i++)
        {
            (TestCache cache, Activation result) = Store(shape, qkv, rows, type, rowsAtOnce: alone is null ? 1 : rows.Length);
            float[] queries = Read<float>(result.Address, rows.Length * result.Stride).ToArray();
            float[] stored = [.. from row in rows from isValue in new[] { false, true } from head in Enumerable.Range(0, 2)
                                 from number in cache.Read((int)row.Slot, (int)row.Position, isValue, head) select number];
            alone ??= (queries, stored);
            Assert.Equal(alone.Value.Queries, queries);
            Assert.Equal(alone.Value.Stored, stored);
        }
    }

    [Fact]
    public void RopeStore_ZeroRow_IsStoredAsZero()
    {
        (TestCache cache, _) = Store(Shape(1, 1, 64), new float[3 * 64], TensorType.Q8_0);

        Assert.All(cache.Read(0, 0, isValue: false, 0), number => Assert.Equal(0, number));
        Assert.All(cache.Read(0, 0, isValue: true, 0), number => Assert.Equal(0, number));
    }

    [Theory]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.Q8_0)]
    public void RopeStore_NumbersPastTheTypesRange_BecomeItsLargest(TensorType type)
    {
        float[] qkv = RandomNumbers(3 * 32);
        qkv[2 * 32] = 1e30f;
        qkv[(2 * 32) + 1] = -1e30f;

        (TestCache cache, _) = Store(Shape(1, 1, 32), qkv, type);

        float largest = type == TensorType.F16 ? (float)Half.MaxValue : 127 * (float)Half.MaxValue;
        Assert.Equal([largest, -largest], cache.Read(0, 0, isValue: true, 0)[..2]);
        Assert.All(cache.Read(0, 0, isValue: true, 0), number => Assert.True(float.IsFinite(number)));
    }

    [Fact]
    public void RopeStore_HalvesBetweenTwoNumbers_AreRoundedToTheNearest()
    {
        float[] qkv = RandomNumbers(3 * 16);
        (TestCache cache, _) = Store(Shape(1, 1, 16), qkv, TensorType.F16);

        Assert.Equal(qkv[32..].Select(number => (float)(Half)number), cache.Read(0, 0, isValue: true, 0));
    }

    private static AttentionShape Shape(int heads, int kvHeads, int headDimension) =>
        new() { Heads = heads, KeyValueHeads = kvHeads, HeadDimension = headDimension, Scale = 1, Softcap = 50 };

    /// <summary>One row at position 0 of sequence 0.</summary>
    private (TestCache Cache, Activation Rows) Store(AttentionShape shape, float[] qkv, TensorType type) =>
        Store(shape, qkv, [new StepRow(0, 0, 0)], type, rowsAtOnce: 1);

    private (TestCache Cache, Activation Rows) Store(AttentionShape shape, float[] qkv, StepRow[] stepRows, TensorType type, int rowsAtOnce)
    {
        int blocks = stepRows.Select(row => (row.Slot, row.Position / CacheLayout.BlockPositions)).Distinct().Count();
        var cache = new TestCache(this, shape, type, (int)stepRows.Max(row => row.Position) + 1, (int)stepRows.Max(row => row.Slot) + 1, blocks);
        foreach (StepRow row in stepRows) cache.Take((int)row.Slot, (int)row.Position);
        Activation rows = UploadRows(qkv, shape.QkvWidth);
        ulong angles = Upload<float>(RotaryTable.Create((int)stepRows.Max(row => row.Position) + 1, shape.HeadDimension, Theta));
        var kernel = Own(new RopeStoreKernel(Device, shape, type));
        ulong addresses = Upload<StepRow>(stepRows);
        Run(commands =>
        {
            for (int row = 0; row < stepRows.Length; row += rowsAtOnce)
                kernel.Record(commands, addresses + (ulong)(row * StepRow.Bytes), rows.From(row), angles, cache.Cache, Math.Min(rowsAtOnce, stepRows.Length - row));
        });
        return (cache, rows);
    }

    private void Check(AttentionShape shape, StepRow[] stepRows, TensorType type, float scale)
    {
        int dimension = shape.HeadDimension;
        float[] qkv = RandomNumbers(stepRows.Length * shape.QkvWidth, scale);

        (TestCache cache, Activation rows) = Store(shape, qkv, stepRows, type, rowsAtOnce: stepRows.Length);

        for (int t = 0; t < stepRows.Length; t++)
        {
            int sequence = (int)stepRows[t].Slot;
            int position = (int)stepRows[t].Position;
            float[] rotated = Read<float>(rows.Address, stepRows.Length * rows.Stride).Slice(t * rows.Stride, shape.QkvWidth).ToArray();
            for (int head = 0; head < shape.Heads; head++)
                AssertClose(Oracle.Rope(Head(t, head), position, Theta), rotated[(head * dimension)..((head + 1) * dimension)], _ => 2e-6 * scale);
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                AssertStored(Oracle.Rope(Head(t, shape.Heads + head), position, Theta), isValue: false);
                AssertStored([.. Head(t, shape.Heads + shape.KeyValueHeads + head).ToArray().Select(number => (double)number)], isValue: true);

                void AssertStored(double[] expected, bool isValue)
                {
                    float[] stored = cache.Read(sequence, position, isValue, head);
                    Assert.All(stored[dimension..], padding => Assert.Equal(0, padding));
                    AssertClose(expected, stored[..dimension], i => (2e-6 * scale) + type switch
                    {
                        TensorType.F32 => 0,
                        TensorType.F16 => Math.Abs(expected[i]) / 2048,
                        _ => 0.502 * cache.Scale(sequence, position, isValue, head, i),
                    });
                }
            }
        }
        // Nothing else was written, in whichever layer and block.
        Assert.Equal(stepRows.Length * shape.KeyValueHeads * 2, cache.RowsStored());

        ReadOnlySpan<float> Head(int t, int head) => qkv.AsSpan((t * shape.QkvWidth) + (head * dimension), dimension);
    }
}
