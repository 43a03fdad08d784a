namespace Gemma2.Benchmarks.Sides;

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

    /// <summary>Loads a side in this process. llama.cpp's libraries are those of the peers' npm package, or lie beside the program.</summary>
    public static async Task<ISide> LoadAsync(string side, string model, SideOptions options) => side switch
    {
        Ours => await OurEngine.LoadAsync(model, options),
        Cpu => LlamaCppEngine.Load(Libraries("linux-x64"), onGpu: false, model, options),
        Avx2 => LlamaCppEngine.Load(Libraries("linux-x64"), onGpu: false, model, options, "libggml-cpu-haswell.so"),
        Vulkan => LlamaCppEngine.Load(Libraries("linux-x64-vulkan"), onGpu: true, model, options),
        _ => throw new ArgumentException($"There is no side '{side}'."),
    };

    private static string Libraries(string package)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "llama.cpp", package);
        if (Directory.Exists(beside)) return beside;
        string installed = Path.Combine(Repository.Root, "tests/benchmarks/peers/node_modules/@node-llama-cpp", package, "bins", package);
        return Directory.Exists(installed)
            ? installed
            : throw new DirectoryNotFoundException("llama.cpp is not installed; `npm ci --prefix tests/benchmarks/peers --ignore-scripts` does it.");
    }
}
