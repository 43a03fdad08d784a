using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Blocks;

namespace Gemma2.Backend.Tests.Weights.Quantization;

/// <summary>The plain way to quantize: equal steps from the lowest number of a group to the highest, in double precision, scales of groups rounded as the format has them.</summary>
internal static class ReferenceQuantizer
{
    /// <summary>Numbers a group, lowest and highest level, levels of a group's scale (0: it is a float by itself), whether there is a minimum.</summary>
    private static (int Group, int Lowest, int Highest, int Scales, bool Minimum) Form(TensorType type) => type switch
    {
        TensorType.Q8_0 => (32, -127, 127, 0, false),
        TensorType.Q4_0 => (32, -8, 7, 0, false),
        TensorType.Q4_1 => (32, 0, 15, 0, true),
        TensorType.Q5_0 => (32, -16, 15, 0, false),
        TensorType.Q5_1 => (32, 0, 31, 0, true),
        TensorType.Q2_K => (16, 0, 3, 15, true),
        TensorType.Q3_K => (16, -4, 3, 32, false),
        TensorType.Q4_K => (32, 0, 15, 63, true),
        TensorType.Q5_K => (32, 0, 31, 63, true),
        TensorType.Q6_K => (16, -32, 31, 128, false),
        TensorType.IQ4_NL => (32, -127, 113, 0, false),
        TensorType.IQ4_XS => (32, -127, 113, 32, false),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>What numbers become when they are stored and read again.</summary>
    public static float[] RoundTrip(TensorType type, float[] values)
    {
        int block = type.BlockElements();
        return [.. values.Chunk(block).SelectMany(numbers => RoundTripBlock(type, numbers))];
    }

    /// <summary>Values that blocks hold whose groups have numbers at the lowest and the highest level, and one group the largest scale and minimum.</summary>
    public static float[] Representable(TensorType type, int blocks, int seed)
    {
        (int size, int lowest, int highest, int scales, bool hasMinimum) = Form(type);
        Random random = new(seed);
        List<float> values = [];
        for (int block = 0; block < blocks; block++)
        {
            float unit = (float)(Half)(random.NextSingle() * 0.1f + 1e-3f), minimumUnit = (float)(Half)(random.NextSingle() * 0.1f + 1e-3f);
            for (int group = 0; group < type.BlockElements() / size; group++)
            {
                int scale = group == 0 || scales == 0 ? Math.Max(scales, 1) : random.Next(1, scales), minimum = group == 0 || scales == 0 ? scales : random.Next(scales);
                // Formats without minimum have a signed scale, whose largest magnitude is negative.
                float groupScale = unit * (hasMinimum || scales == 0 ? scale : -scale), groupMinimum = hasMinimum ? scales == 0 ? -minimumUnit : minimumUnit * minimum : 0;
                for (int i = 0; i < size; i++)
                {
                    int level = i == 0 ? lowest : i == 1 ? highest : Level(type, random, lowest, highest);
                    values.Add(hasMinimum ? (level * groupScale) - groupMinimum : level * groupScale);
                }
            }
        }
        return [.. values];
    }

    private static int Level(TensorType type, Random random, int lowest, int highest) =>
        IsTable(type) ? FourBitTable.Values[random.Next(16)] : random.Next(lowest, highest + 1);

    private static bool IsTable(TensorType type) => type is TensorType.IQ4_NL or TensorType.IQ4_XS;

    private static IEnumerable<float> RoundTripBlock(TensorType type, float[] numbers)
    {
        (int size, int lowest, int highest, int scales, bool hasMinimum) = Form(type);
        float[][] groups = [.. numbers.Chunk(size)];
        double[] minimums = [.. groups.Select(group => hasMinimum ? scales == 0 ? group.Min() : Math.Min(0, group.Min()) : 0.0)];
        double[] steps = [.. groups.Select((group, i) => hasMinimum ? (group.Max() - minimums[i]) / highest : group.MaxBy(MathF.Abs) / (double)lowest)];
        steps = Stored(steps, scales);
        minimums = Stored(minimums, scales);
        return groups.SelectMany((group, i) => group.Select(x => (float)(Nearest(type, (x - minimums[i]) / steps[i], lowest, highest) * steps[i] + minimums[i])));
    }

    private static double Nearest(TensorType type, double value, int lowest, int highest) =>
        IsTable(type) ? FourBitTable.Values.ToArray().MinBy(level => Math.Abs(level - value)) : Math.Clamp(Math.Round(value), lowest, highest);

    private static double[] Stored(double[] scales, int levels)
    {
        if (levels == 0) return [.. scales.Select(scale => (double)(Half)scale)];
        double unit = (double)(Half)(scales.Max(Math.Abs) / levels);
        return [.. scales.Select(scale => unit == 0 ? 0 : Math.Round(scale / unit) * unit)];
    }
}
