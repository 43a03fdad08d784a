using System.Runtime.Intrinsics.X86;

namespace Gemma2.Backend.Device;

/// <summary>
/// How wide Mesa's CPU driver (lavapipe) computes. It keeps to vectors of 256 bits, subgroups of 8, wherever nothing else is said; on a CPU with AVX-512 the kernels are
/// faster with 512 bits, subgroups of 16. The driver reads its variable (https://docs.mesa3d.org/envvars.html) from the process when it is loaded, so it is set before.
/// </summary>
internal static class CpuDriverVectors
{
    /// <summary>In bits.</summary>
    public const string Variable = "LP_NATIVE_VECTOR_WIDTH";

    private const string Widest = "512";

    // Set once, whoever loads drivers first. What a user has set stays.
    private static readonly Lazy<bool> _widened = new(() => HasWideVectors && NativeEnvironment.TrySetDefault(Variable, Widest));

    private static bool HasWideVectors =>
        Avx512F.IsSupported && Avx512BW.VL.IsSupported && Avx512DQ.VL.IsSupported && Avx512CD.VL.IsSupported;

    /// <summary>Lets a CPU driver that is loaded from now on use the widest vectors of this CPU. Other drivers do not look at this.</summary>
    public static void Widen() => _ = _widened.Value;
}
