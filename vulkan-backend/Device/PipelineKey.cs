using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;

namespace Gemma2.Backend.Device;

/// <summary>
/// Names what compiled pipelines are good for: a device, its driver and the shaders of this build. Two devices of one model have the same: a device's own UUID, which differs from one GPU to the next,
/// is no part of it, since the driver's UUID for pipeline caches is what decides.
/// </summary>
internal static class PipelineKey
{
    private const int LongestName = 40;

    /// <summary>The key: the device's name, as far as a file may have it, and a hash.</summary>
    public static string Of(DeviceDescription device)
    {
        // What a CPU driver compiles is for this CPU.
        string machine = device.Kind == DeviceKind.Software ? $"{RuntimeInformation.ProcessArchitecture} {Cpu()}" : "";
        string all = $"{device.Name}\n{device.Driver}\n{device.PipelineIdentity}\n{device.SubgroupSize}\n{machine}\n{ComputePipeline.EmbeddedHash}";
        string name = string.Concat(device.Name.Select(letter => char.IsAsciiLetterOrDigit(letter) ? char.ToLowerInvariant(letter) : '-').Take(LongestName)).Trim('-');
        return $"{name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)).AsSpan(0, 16))}";
    }

    // Family, model and stepping, and what the CPU can do.
    private static string Cpu()
    {
        if (!X86Base.IsSupported) return "";
        (int signature, _, int features, int more) = X86Base.CpuId(1, 0);
        (_, int extended, int vectors, int newer) = X86Base.CpuId(7, 0);
        // The bit that says whether the system saves vector registers is no part of the CPU.
        return $"{signature:x} {features & ~(1 << 27):x} {more:x} {extended:x} {vectors:x} {newer:x}";
    }
}
