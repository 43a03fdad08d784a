using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Levels that are all whole numbers between the lowest and the highest.</summary>
internal static class WholeNumbers
{
    /// <summary>The nearest levels.</summary>
    public static Vector256<float> Nearest<TLevels>(Vector256<float> values)
        where TLevels : ILevels =>
        Vector256.Min(Vector256.Max(Vector256.Round(values), Vector256.Create(TLevels.Lowest)), Vector256.Create(TLevels.Highest));
}
