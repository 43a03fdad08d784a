using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Rows;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Engine;

/// <summary>
/// The check that loading a model makes of its own kernels, made of all that a device would run for the published models: every type of weights, every family of matrix
/// kernels that may be chosen, every type of KV cache.
/// </summary>
public static class DeviceCheck
{
    /// <summary>These differ in what kernels are specialized to: 9b is as 2b, but wider.</summary>
    private static readonly string[] _models = ["2b", "27b"];

    private const TensorType EmbeddingOfModels = TensorType.Q8_0;

    private static readonly KvCacheType[] _cacheTypes = [KvCacheType.F16, KvCacheType.F32, KvCacheType.Q8_0];

    /// <summary>Lets every kernel compute something known.</summary>
    /// <param name="device">As in <see cref="EngineOptions.Device"/>; CPU devices are allowed.</param>
    /// <param name="options">Which families of matrix kernels may be used.</param>
    /// <param name="checkedOne">Told of every verdict as soon as it is there.</param>
    /// <param name="cancellationToken">Stops between two kernels.</param>
    /// <returns>The device that was checked.</returns>
    /// <exception cref="DeviceException">There is no such device, or none of its kernels may be used.</exception>
    public static DeviceDescription Run(string? device, KernelOptions options, Action<KernelVerdict> checkedOne, CancellationToken cancellationToken = default)
    {
        using GpuDevice opened = GpuDevice.Open(device, allowSoftware: true);
        foreach (KernelVerdict verdict in Rows(opened, options).Concat(Embeddings(opened)).Concat(Matrices(opened, options)))
        {
            checkedOne(verdict);
            cancellationToken.ThrowIfCancellationRequested();
        }
        return opened.Description;
    }

    private static IEnumerable<KernelVerdict> Rows(GpuDevice device, KernelOptions options)
    {
        var seen = new HashSet<(string, string)>();
        foreach (string model in _models)
        {
            foreach (KvCacheType type in _cacheTypes)
            {
                using var kernels = new KernelSet(device, Gemma2Shapes.Published[model], EmbeddingOfModels, type.ToTensorType(), new MatrixKernels(device, options), gatesApart: true);
                foreach (KernelTrial trial in kernels.Trials().Concat(kernels.PromptTrials()))
                    if (seen.Add((trial.Kernel, trial.Shape))) yield return trial.Run();
            }
        }
    }

    private static IEnumerable<KernelVerdict> Embeddings(GpuDevice device)
    {
        foreach (TensorType type in Enum.GetValues<TensorType>().Where(type => type != EmbeddingOfModels))
        {
            var layout = new WeightLayout(type, Width, MatrixKernels.TileRows(device.Description));
            using var kernel = new EmbedKernel(device, layout);
            yield return new EmbedTrial(device, kernel, layout).Run();
        }
    }

    private static int Width => Gemma2Shapes.Published[_models[0]].HiddenSize;

    private static IEnumerable<KernelVerdict> Matrices(GpuDevice device, KernelOptions options)
    {
        using var kernels = new MatrixKernels(device, options);
        var check = new FamilyCheck(device, kernels);
        foreach (TensorType type in Enum.GetValues<TensorType>())
            foreach (bool isGated in (bool[])[false, true])
                foreach (KernelVerdict verdict in check.TryAll(new MatrixUse(type, Width, isGated, TakesPrompts: true)))
                    yield return verdict;
    }
}
