namespace Gemma2.Backend.Tests.Kernels;

/// <summary>What each kernel should compute, in double precision and as plainly as the formulas are written.</summary>
internal static class Oracle
{
    public static double Softcap(double x, double cap) => cap > 0 ? cap * Math.Tanh(x / cap) : x;

    public static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    public static double[] RmsNorm(ReadOnlySpan<double> x, ReadOnlySpan<float> weight, double epsilon)
    {
        double squares = 0;
        foreach (double value in x) squares += value * value;
        double scale = 1 / Math.Sqrt((squares / x.Length) + epsilon);
        var y = new double[x.Length];
        for (int i = 0; i < x.Length; i++) y[i] = x[i] * scale * weight[i];
        return y;
    }

    /// <summary>x [count, columns] times w [rows, columns] transposed: [count, rows], and the sums of absolute products that bound its rounding.</summary>
    public static (double[] Product, double[] Magnitude) Multiply(float[] w, float[] x, int rows, int columns)
    {
        int count = x.Length / columns;
        var product = new double[count * rows];
        var magnitude = new double[count * rows];
        for (int t = 0; t < count; t++)
        {
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    double term = (double)w[(r * columns) + c] * x[(t * columns) + c];
                    product[(t * rows) + r] += term;
                    magnitude[(t * rows) + r] += Math.Abs(term);
                }
            }
        }
        return (product, magnitude);
    }

    /// <summary>Rotates a head: halves paired.</summary>
    public static double[] Rope(ReadOnlySpan<float> head, int position, double theta)
    {
        int half = head.Length / 2;
        var rotated = new double[head.Length];
        for (int i = 0; i < half; i++)
        {
            (double sin, double cos) = Math.SinCos(position * Math.Pow(theta, -2.0 * i / head.Length));
            rotated[i] = (head[i] * cos) - (head[half + i] * sin);
            rotated[half + i] = (head[half + i] * cos) + (head[i] * sin);
        }
        return rotated;
    }

    /// <summary>One query over keys first..last; keys and values give the head's row at a position.</summary>
    public static double[] Attend(
        ReadOnlySpan<float> query, Func<int, float[]> keys, Func<int, float[]> values, int first, int last, double scale, double cap)
    {
        var weights = new double[last - first + 1];
        for (int position = first; position <= last; position++)
        {
            float[] key = keys(position);
            double score = 0;
            for (int i = 0; i < query.Length; i++) score += (double)query[i] * key[i];
            weights[position - first] = Softcap(score * scale, cap);
        }
        double highest = weights.Max();
        double total = 0;
        for (int i = 0; i < weights.Length; i++) total += weights[i] = Math.Exp(weights[i] - highest);
        var sum = new double[query.Length];
        for (int position = first; position <= last; position++)
        {
            float[] value = values(position);
            for (int i = 0; i < sum.Length; i++) sum[i] += weights[position - first] / total * value[i];
        }
        return sum;
    }
}
