namespace Gemma2.Backend.Kernels;

/// <summary>Sizes of dispatches.</summary>
internal static class Grid
{
    /// <summary>Threads a workgroup of kernels whose threads do not talk to each other.</summary>
    public const uint ElementwiseWidth = 64;

    /// <summary>How many pieces of a size cover a count.</summary>
    public static uint Cover(int count, uint size) => ((uint)count + size - 1) / size;
}
