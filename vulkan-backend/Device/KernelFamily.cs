namespace Gemma2.Backend.Device;

/// <summary>The families of matrix kernels. Each computes the same products, shaped for another kind of device.</summary>
public enum KernelFamily
{
    /// <summary>For drivers that compute on the CPU: rows side by side in the lanes, no shared memory.</summary>
    Cpu,

    /// <summary>For every device, and what others fall back to: subgroup operations alone.</summary>
    Generic,

    /// <summary>Prompts in tiles of shared memory, products in float32.</summary>
    Tiled,

    /// <summary>Prompts by VK_KHR_cooperative_matrix: factors in float16, sums in float32.</summary>
    Coopmat,

    /// <summary>Prompts by packed 8-bit dot products: activations in two 8-bit parts, sums in integers within a block.</summary>
    Int8,
}

/// <summary>Facts about <see cref="KernelFamily"/>.</summary>
internal static class KernelFamilyExtensions
{
    /// <summary>The name that <c>--kernels</c> takes.</summary>
    public static string Word(this KernelFamily family) => family.ToString().ToLowerInvariant();

    /// <summary>Whether the family has matrix-vector kernels, for decoding; all have matrix-matrix kernels, for prompts.</summary>
    public static bool Decodes(this KernelFamily family) => family is KernelFamily.Cpu or KernelFamily.Generic;
}
