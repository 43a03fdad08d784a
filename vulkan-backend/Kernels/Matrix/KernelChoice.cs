using Gemma2.Backend.Device;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Which families of matrix kernels compute on a device, and why.</summary>
public sealed record KernelChoice
{
    // What a CPU driver and a GPU do best, best first. Int8 is not among them: it waits for a device on which it is measured to be faster.
    private static readonly KernelFamily[] _softwareOrder = [KernelFamily.Cpu, KernelFamily.Generic];
    private static readonly KernelFamily[] _hardwareOrder = [KernelFamily.Coopmat, KernelFamily.Tiled, KernelFamily.Generic];

    // What shaders/Shaders.targets leaves out where no glslc knows their extensions.
    internal static IReadOnlyList<string> ModernShaders { get; } = ["mat_mul_coopmat", "mat_mul_int8"];

    /// <summary>Computes new tokens of sequences.</summary>
    public KernelFamily Decode => DecodeOrder[0];

    /// <summary>Computes chunks of prompts.</summary>
    public KernelFamily Prompt => PromptOrder[0];

    /// <summary>Every family, and what became of it.</summary>
    public required IReadOnlyList<KernelFamilyState> Families { get; init; }

    /// <summary>What decodes: the first that can do it for a type of weights.</summary>
    internal IReadOnlyList<KernelFamily> DecodeOrder { get; private init; } = [];

    /// <summary>What computes prompts: the first that can do it for a type of weights.</summary>
    internal IReadOnlyList<KernelFamily> PromptOrder { get; private init; } = [];

    /// <summary>Chooses for a device: the forced family, else the best one that is compiled in, fits the device and is not turned off.</summary>
    /// <exception cref="DeviceException">The forced family cannot be used, or none is left.</exception>
    public static KernelChoice For(DeviceDescription device, KernelOptions options) => For(device, options, ComputePipeline.IsEmbedded);

    internal static KernelChoice For(DeviceDescription device, KernelOptions options, Func<string, bool> isEmbedded)
    {
        string? Hindrance(KernelFamily family) => Absence(family, isEmbedded) ?? Lack(family, device);
        string? Objection(KernelFamily family) =>
            options.TurnedOff.Contains(family) ? "turned off by the option" : device.Quirks.FirstOrDefault(quirk => quirk.Family == family)?.Text;

        KernelFamily[] order;
        if (options.Forced is { } forced)
        {
            if (Hindrance(forced) is { } lack) throw new DeviceException($"The {forced.Word()} kernels cannot be used on {device.Name}: {lack}.");
            order = [forced, KernelFamily.Generic];
        }
        else
        {
            order = device.Kind == DeviceKind.Software ? _softwareOrder : _hardwareOrder;
            order = [.. order.Where(family => Hindrance(family) is null && Objection(family) is null)];
        }
        KernelFamily[] decodeOrder = [.. order.Where(family => family.Decodes())];
        if (decodeOrder.Length == 0)
        {
            string reason = Hindrance(KernelFamily.Generic) ?? $"{KernelFamily.Generic.Word()} is turned off";
            throw new DeviceException($"No matrix kernels are left to decode with on {device.Name}: {reason}.");
        }

        KernelFamilyState State(KernelFamily family)
        {
            string? use = Use(family, decodeOrder[0], order[0], options);
            return new KernelFamilyState(family, Absence(family, isEmbedded) is null, use is not null, use ?? Hindrance(family) ?? Objection(family) ?? "fits; used when asked for");
        }
        return new KernelChoice { DecodeOrder = decodeOrder, PromptOrder = order, Families = [.. Enum.GetValues<KernelFamily>().Select(State)] };
    }

    /// <summary>What a family does and why; null when it does nothing.</summary>
    private static string? Use(KernelFamily family, KernelFamily decode, KernelFamily prompt, KernelOptions options)
    {
        if (family != decode && family != prompt) return null;
        string work = family != prompt ? "decoding" : family != decode ? "prompts" : "decoding and prompts";
        string reason = options.Forced is null ? "the best that fits" : options.Forced == family ? "asked for" : "what is left";
        return $"{work}: {reason}";
    }

    /// <summary>Which of a family's shaders this build lacks, and why; null when it has them all.</summary>
    private static string? Absence(KernelFamily family, Func<string, bool> isEmbedded)
    {
        if (Array.Find(Shaders(family), shader => !isEmbedded(shader)) is not { } missing) return null;
        return ModernShaders.Contains(missing)
            ? $"this build has no shader {missing}, which needs a newer glslc"
            : $"this build is incomplete: it has no shader {missing}";
    }

    private static string[] Shaders(KernelFamily family) => family switch
    {
        KernelFamily.Cpu => ["mat_mul_cpu"],
        KernelFamily.Generic => ["mat_vec", "mat_mul"],
        KernelFamily.Tiled => ["mat_mul_tiled"],
        KernelFamily.Coopmat => ["mat_mul_coopmat", "half_rows"],
        _ => ["mat_mul_int8", "quantize_rows"],
    };

    /// <summary>What a device lacks for a family; null when it lacks nothing.</summary>
    private static string? Lack(KernelFamily family, DeviceDescription device) => family switch
    {
        KernelFamily.Coopmat when !device.CooperativeMatrix => "the device has no VK_KHR_cooperative_matrix of float16 factors and float32 sums",
        KernelFamily.Coopmat when CooperativeMatrixFamily.Shape(device.Capabilities) is null => "none of the device's cooperative matrices divides the tiles",
        KernelFamily.Int8 when !device.Capabilities.IntegerDotProduct => "the device has no integer dot products",
        _ => null,
    };
}

/// <summary>What became of a family on a device.</summary>
/// <param name="Family">The family.</param>
/// <param name="IsCompiled">Whether its shaders were compiled into this build.</param>
/// <param name="IsUsed">Whether it computes prompts, or decodes, or both.</param>
/// <param name="Reason">What it does, or why it does nothing.</param>
public sealed record KernelFamilyState(KernelFamily Family, bool IsCompiled, bool IsUsed, string Reason);
