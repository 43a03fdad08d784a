using System.Runtime.InteropServices;

namespace Gemma2.Backend.Kernels.Sampling;

/// <summary>What is wanted of a row of logits (struct ResultRow in shaders/include/candidates.glsl).</summary>
/// <param name="InverseTemperature">
/// 1 / temperature, finite: the sum of the row's exponentials is computed at it. Below 0 its absolute value counts, and logits of spare rows of the embedding are wanted too.
/// </param>
/// <param name="Token">A token whose logit is wanted whatever its rank.</param>
/// <param name="Mask">Address of the tokens that are allowed, [ceil(vocabulary / 32)] uint32 with their bits set; 0 where all are.</param>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal readonly record struct ResultRow(float InverseTemperature, uint Token, ulong Mask)
{
    /// <summary>Size of a row in memory.</summary>
    public const int Bytes = 16;

    /// <summary>The temperature of a row whose logits are all wanted, also those that stand for no token.</summary>
    public const double AllLogits = -1;

    /// <summary>Inverse temperatures are kept finite: at so low a temperature only the highest logit counts anyway.</summary>
    private const double HighestInverseTemperature = 1e30;

    /// <summary>A row for a temperature. At temperature 0 no sum is needed, and that at temperature 1 costs nothing.</summary>
    public static ResultRow At(double temperature, int token = 0, ulong mask = 0) =>
        new(temperature == 0 ? 1 : (float)Math.Min(1 / temperature, HighestInverseTemperature), (uint)token, mask);
}
