using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>A product of seeded numbers between -1 and 1 and what comes out in double precision: y = x W^T, or u = gelu(x Wg^T) * (x Wu^T).</summary>
internal sealed class SeededProduct
{
    /// <summary>Rows of weights repeat after this many, so that matrices of any height are cheap to check: a prime, which is never in step with a tile.</summary>
    public const int DistinctRows = 13;

    private const double SteepestGelu = 1.13;
    private const double GeluError = 1e-5;

    private readonly Matrix[] _matrices;
    private readonly double[] _sumsOfX;

    /// <param name="use">Type, columns, and whether it is gated.</param>
    /// <param name="tokens">Rows of activations.</param>
    public SeededProduct(in MatrixUse use, int tokens)
    {
        Use = use;
        float[] x = KernelTrial.Uniform(seed: 1, tokens * use.Columns);
        int stride = RowLayout.Stride(use.Columns);
        X = new float[tokens * stride];
        for (int token = 0; token < tokens; token++) x.AsSpan(token * use.Columns, use.Columns).CopyTo(X.AsSpan(token * stride));
        _sumsOfX = [.. x.Chunk(use.Columns).Select(row => row.Sum(value => (double)Math.Abs(value)))];
        _matrices = [.. Enumerable.Range(0, use.Matrices).Select(i => new Matrix(Use, x, seed: 2 + (ulong)i))];
    }

    /// <summary>What is multiplied.</summary>
    public MatrixUse Use { get; }

    /// <summary>[tokens, columns], rows padded with zeros.</summary>
    public float[] X { get; }

    /// <summary>The matrices in device order: W, or Wg and Wu.</summary>
    public IEnumerable<byte[]> Pack(WeightLayout layout, int rows) => _matrices.Select(matrix => matrix.Pack(layout, rows));

    /// <summary>A result, and how far rounding may take it.</summary>
    /// <param name="token">The row of activations.</param>
    /// <param name="row">The row of weights, below <see cref="DistinctRows"/>.</param>
    /// <param name="tolerance">Error of a sum in units of the largest weight times the sum of the activations' magnitudes.</param>
    public (double Value, double Bound) Expect(int token, int row, double tolerance)
    {
        (double gate, double gateBound) = Sum(_matrices[0], token, row, tolerance);
        if (!Use.IsGated) return (gate, gateBound);
        (double up, double upBound) = Sum(_matrices[1], token, row, tolerance);
        double bound = (SteepestGelu * gateBound * (Math.Abs(up) + upBound)) + (Math.Abs(gate) * upBound) + (GeluError * (Math.Abs(gate) + 1) * (Math.Abs(up) + 1));
        return (GeluTanh(gate) * up, bound);
    }

    private (double Value, double Bound) Sum(Matrix matrix, int token, int row, double tolerance) =>
        (matrix.Sums[(token * DistinctRows) + row], tolerance * matrix.Largest * _sumsOfX[token]);

    private static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    private sealed class Matrix
    {
        private readonly byte[] _stored;

        public Matrix(in MatrixUse use, float[] x, ulong seed)
        {
            float[] values = KernelTrial.Uniform(seed, DistinctRows * use.Columns);
            _stored = new byte[DistinctRows * use.Type.RowBytes(use.Columns)];
            BlockCodec.Quantize(use.Type, values, _stored);
            BlockCodec.Dequantize(use.Type, _stored, values);
            Largest = values.Max(Math.Abs);
            Sums = Multiply(x, values, use.Columns);
        }

        /// <summary>[tokens, DistinctRows].</summary>
        public double[] Sums { get; }

        public double Largest { get; }

        public byte[] Pack(WeightLayout layout, int rows)
        {
            var repeated = new byte[rows * layout.FileRowBytes];
            for (int offset = 0; offset < repeated.Length; offset += _stored.Length)
                _stored.AsSpan(0, Math.Min(_stored.Length, repeated.Length - offset)).CopyTo(repeated.AsSpan(offset));
            var packed = new byte[layout.Bytes(rows)];
            WeightPacker.Pack(layout, repeated, packed);
            return packed;
        }

        private static double[] Multiply(float[] x, float[] w, int columns)
        {
            var sums = new double[x.Length / columns * DistinctRows];
            for (int i = 0; i < sums.Length; i++)
            {
                ReadOnlySpan<float> token = x.AsSpan(i / DistinctRows * columns, columns), row = w.AsSpan(i % DistinctRows * columns, columns);
                for (int column = 0; column < columns; column++) sums[i] += (double)token[column] * row[column];
            }
            return sums;
        }
    }
}
