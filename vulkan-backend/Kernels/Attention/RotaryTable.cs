namespace Gemma2.Backend.Kernels.Attention;

/// <summary>
/// Cosines and sines of the rotary position embedding, made once in double precision: Vulkan only promises sin and cos to 2^-11,
/// and position times frequency loses digits in float32 as positions grow.
/// </summary>
internal static class RotaryTable
{
    /// <summary>[positions, headDim]: for each position headDim/2 cosines, then headDim/2 sines of position * theta^(-2i/headDim).</summary>
    public static float[] Create(int positions, int headDimension, double theta)
    {
        int half = headDimension / 2;
        var table = new float[positions * headDimension];
        for (int i = 0; i < half; i++)
        {
            double frequency = Math.Pow(theta, -2.0 * i / headDimension);
            for (int position = 0; position < positions; position++)
            {
                (double sin, double cos) = Math.SinCos(position * frequency);
                table[(position * headDimension) + i] = (float)cos;
                table[(position * headDimension) + half + i] = (float)sin;
            }
        }
        return table;
    }
}
