namespace Gemma2.Backend.Device;

/// <summary>A product of matrices that the device computes as one operation of a subgroup: [M, K] float16 times [K, N] float16, added to [M, N] float32.</summary>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">Length of the sums.</param>
public sealed record CooperativeMatrixShape(int M, int N, int K);

/// <summary>What some kernels make use of, beyond what every device must have.</summary>
public sealed record DeviceCapabilities
{
    /// <summary>Memory that a workgroup's threads share, in bytes.</summary>
    public required int SharedMemoryBytes { get; init; }

    /// <summary>Most threads a workgroup may have.</summary>
    public required int WorkgroupThreads { get; init; }

    /// <summary>Smallest subgroup that a kernel may ask for.</summary>
    public required int SmallestSubgroup { get; init; }

    /// <summary>Largest subgroup that a kernel may ask for.</summary>
    public required int LargestSubgroup { get; init; }

    /// <summary>What VK_KHR_cooperative_matrix offers of float16 factors and float32 sums; empty without it.</summary>
    public required IReadOnlyList<CooperativeMatrixShape> CooperativeMatrixShapes { get; init; }

    /// <summary>Shaders may use dot products of four packed 8-bit integers.</summary>
    public required bool IntegerDotProduct { get; init; }

    /// <summary>Those dot products are instructions of the hardware, not sequences of others.</summary>
    public required bool IntegerDotProductAccelerated { get; init; }

    /// <summary>Shaders may compute in float16.</summary>
    public required bool Float16 { get; init; }

    /// <summary>Shaders may compute with 16-bit integers.</summary>
    public required bool ShortIntegers { get; init; }

    /// <summary>Shaders may read and write single 16-bit numbers in buffers.</summary>
    public required bool Storage16Bit { get; init; }

    /// <summary>Shaders may read and write single bytes in buffers.</summary>
    public required bool Storage8Bit { get; init; }

    /// <summary>How long a tick of the device's clock is; null when it cannot time its work.</summary>
    public required double? TimestampNanoseconds { get; init; }
}
