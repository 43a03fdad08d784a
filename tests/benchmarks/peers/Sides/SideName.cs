namespace Gemma2.Benchmarks.Peers.Sides;

/// <summary>The sides, as workers are told them.</summary>
internal static class SideName
{
    /// <summary>This repository's engine.</summary>
    public const string Ours = "ours";

    /// <summary>llama.cpp's CPU backend.</summary>
    public const string Cpu = "llama.cpp-cpu";

    /// <summary>The same as a processor with AVX2, but without AVX-512 and its integer dot products, runs it: lavapipe's code has no such products either.</summary>
    public const string Avx2 = "llama.cpp-avx2";

    /// <summary>llama.cpp's Vulkan backend on the device that ours uses.</summary>
    public const string Vulkan = "llama.cpp-vulkan";

    /// <summary>The sides that ours can be compared with.</summary>
    public static IReadOnlyList<string> Peers { get; } = [Cpu, Avx2, Vulkan];

    /// <summary>Loads a side in this process.</summary>
    public static async Task<ISide> LoadAsync(string side, string model, SideOptions options) => side switch
    {
        Ours => await Sides.Ours.LoadAsync(model, options),
        Cpu => LlamaCpp.Load(Libraries("linux-x64"), onGpu: false, model, options),
        Avx2 => LlamaCpp.Load(Libraries("linux-x64"), onGpu: false, model, options, "libggml-cpu-haswell.so"),
        Vulkan => LlamaCpp.Load(Libraries("linux-x64-vulkan"), onGpu: true, model, options),
        _ => throw new ArgumentException($"There is no side '{side}'."),
    };

    private static string Libraries(string package) =>
        Path.Combine(Repository.Root, "tests/benchmarks/peers/node_modules/@node-llama-cpp", package, "bins", package);
}
