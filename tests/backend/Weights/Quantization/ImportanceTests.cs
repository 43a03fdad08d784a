using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Weights.Quantization;

/// <summary>What is known about a matrix's inputs steers where its rounding errs.</summary>
public sealed class ImportanceTests
{
    private const int Columns = 1024;
    private const int Rows = 32;

    /// <summary>Types whose scales are searched for.</summary>
    public static TheoryData<TensorType> SearchedTypes => [.. Enum.GetValues<TensorType>().Where(type => type.IsQuantized() && type != TensorType.Q8_0)];

    [Theory, MemberData(nameof(SearchedTypes))]
    public void Quantize_WithImportance_LeavesLessErrorWhereItCounts(TensorType type)
    {
        foreach (double spread in (double[])[1, 3])
        {
            float[] importance = Importance(spread, seed: 31);
            (double with, double without) = (0, 0);
            for (int row = 0; row < Rows; row++)
            {
                float[] values = Row(seed: row);
                with += WeightedError(type, values, importance, importance);
                without += WeightedError(type, values, [], importance);
            }
            Assert.True(with < 0.97 * without, $"{type}: {with:G4} with, {without:G4} without importance of spread {spread}.");
        }
    }

    /// <summary>Some inputs of a trained model are thousands of times as large as others.</summary>
    [Theory, MemberData(nameof(SearchedTypes))]
    public void Quantize_ImportanceOfManyMagnitudes_KeepsEveryNumberNearItsPlace(TensorType type)
    {
        float[] importance = Importance(spread: 8, seed: 32);
        for (int i = 0; i < importance.Length; i += 97) importance[i] *= 1e9f;
        for (int row = 0; row < Rows; row++)
        {
            float[] values = Row(seed: row), restored = RoundTrip(type, values, importance);
            for (int first = 0; first < Columns; first += 256)
            {
                float largest = values.Skip(first).Take(256).Max(MathF.Abs);
                for (int i = first; i < first + 256; i++) Assert.InRange(restored[i], -2.5f * largest, 2.5f * largest);
            }
        }
    }

    [Theory, MemberData(nameof(SearchedTypes))]
    public void Quantize_ImportanceOfAnotherUnit_GivesTheSameBytes(TensorType type)
    {
        float[] values = Row(seed: 5), importance = Importance(spread: 2, seed: 33);
        Assert.Equal(Quantize(type, values, importance), Quantize(type, values, Array.ConvertAll(importance, number => number * 1024)));
    }

    [Fact]
    public void Quantize_TypeWithoutSearch_IsNotChangedByImportance() =>
        Assert.Equal(Quantize(TensorType.Q8_0, Row(seed: 1), []), Quantize(TensorType.Q8_0, Row(seed: 1), Importance(spread: 3, seed: 34)));

    [Theory, MemberData(nameof(SearchedTypes))]
    public void Quantize_ZerosWithImportance_StayZeros(TensorType type) =>
        Assert.All(RoundTrip(type, new float[Columns], Importance(spread: 3, seed: 35)), value => Assert.Equal(0, value));

    [Fact]
    public void Quantize_ImportanceOfAnotherLength_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Quantize(TensorType.Q4_0, Row(seed: 1), new float[Columns - 1]));

    private static double WeightedError(TensorType type, float[] values, float[] importance, float[] counted)
    {
        float[] restored = RoundTrip(type, values, importance);
        return values.Select((value, i) => counted[i] * Math.Pow((double)value - restored[i], 2)).Sum();
    }

    private static float[] RoundTrip(TensorType type, float[] values, float[] importance)
    {
        float[] restored = new float[values.Length];
        BlockCodec.Dequantize(type, Quantize(type, values, importance), restored);
        return restored;
    }

    private static byte[] Quantize(TensorType type, float[] values, float[] importance)
    {
        byte[] blocks = new byte[type.RowBytes(values.Length)];
        BlockCodec.Quantize(type, values, importance, blocks);
        return blocks;
    }

    private static float[] Row(int seed) => [.. Normal(seed).Take(Columns).Select(value => (float)(0.03 * value))];

    private static float[] Importance(double spread, int seed) => [.. Normal(seed).Take(Columns).Select(value => (float)Math.Exp(spread * value))];

    private static IEnumerable<double> Normal(int seed)
    {
        Random random = new(seed);
        while (true) yield return Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }
}
