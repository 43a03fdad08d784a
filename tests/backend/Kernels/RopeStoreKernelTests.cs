using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class RopeStoreKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private const double Theta = 10000;

    public static TheoryData<int, int, int, uint[], int, TensorType> Shapes()
    {
        var shapes = new TheoryData<int, int, int, uint[], int, TensorType>();
        foreach (TensorType type in new[] { TensorType.F32, TensorType.F16, TensorType.Q8_0 })
        {
            shapes.Add(4, 2, 16, [0], 8, type);
            shapes.Add(4, 2, 16, [5, 6, 7, 8, 9, 10, 11], 8, type); // around the ring
            shapes.Add(2, 1, 18, [8000, 8001, 8002], 16, type);
            shapes.Add(1, 1, 2, [3, 4], 5, type);
            shapes.Add(2, 1, 72, [31], 40, type);
            shapes.Add(2, 1, 144, [62, 63, 64, 65], 128, type);
            shapes.Add(2, 1, 256, [31, 32, 33, 34, 35, 36, 37, 38, 39], 40, type);
            shapes.Add(1, 1, 512, [7], 9, type);
        }
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void RopeStore_RowsOfOneSequence_MatchOracle(int heads, int kvHeads, int headDimension, uint[] positions, int slots, TensorType type) =>
        Check(Shape(heads, kvHeads, headDimension), [.. positions.Select(position => new PassRow(0, position, 0))], slots, sequences: 1, type, scale: 1);

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.Q8_0)]
    public void RopeStore_RowsOfSeveralSequences_WriteTheirOwnCaches(TensorType type) =>
        Check(Shape(4, 2, 32), [new(9, 3, 2), new(9, 17, 0), new(9, 0, 3)], slots: 8, sequences: 4, type, scale: 1e4f);

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
        Store(shape, qkv, [new PassRow(0, 0, 0)], slots: 2, sequences: 1, type);

    private (TestCache Cache, Activation Rows) Store(AttentionShape shape, float[] qkv, PassRow[] passRows, int slots, int sequences, TensorType type)
    {
        var cache = new TestCache(this, shape, type, slots, sequences);
        Activation rows = UploadRows(qkv, shape.QkvWidth);
        ulong angles = Upload<float>(RotaryTable.Create((int)passRows.Max(row => row.Position) + 1, shape.HeadDimension, Theta));
        var kernel = Own(new RopeStoreKernel(Device, shape, type));
        Run(commands => kernel.Record(commands, Upload<PassRow>(passRows), rows, angles, cache.Cache, passRows.Length));
        return (cache, rows);
    }

    private void Check(AttentionShape shape, PassRow[] passRows, int slots, int sequences, TensorType type, float scale)
    {
        int dimension = shape.HeadDimension;
        float[] qkv = RandomNumbers(passRows.Length * shape.QkvWidth, scale);

        (TestCache cache, Activation rows) = Store(shape, qkv, passRows, slots, sequences, type);

        for (int t = 0; t < passRows.Length; t++)
        {
            int sequence = (int)passRows[t].Sequence;
            int position = (int)passRows[t].Position;
            float[] rotated = Read<float>(rows.Address, passRows.Length * rows.Stride).Slice(t * rows.Stride, shape.QkvWidth).ToArray();
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
        AssertOtherSlotsPoisoned(cache, shape, passRows, sequences);

        ReadOnlySpan<float> Head(int t, int head) => qkv.AsSpan((t * shape.QkvWidth) + (head * dimension), dimension);
    }

    private static void AssertOtherSlotsPoisoned(TestCache cache, AttentionShape shape, PassRow[] passRows, int sequences)
    {
        int slots = cache.Cache.Slots;
        HashSet<(int, int)> written = [.. passRows.Select(row => ((int)row.Sequence, (int)row.Position % slots))];
        for (int sequence = 0; sequence < sequences; sequence++)
        {
            for (int slot = 0; slot < slots; slot++)
            {
                if (written.Contains((sequence, slot))) continue;
                for (int head = 0; head < shape.KeyValueHeads; head++)
                    Assert.True(cache.IsPoison(sequence, slot, false, head) && cache.IsPoison(sequence, slot, true, head), $"slot {slot} of {sequence} was written");
            }
        }
    }
}
