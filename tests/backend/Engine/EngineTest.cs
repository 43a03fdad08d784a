using System.Globalization;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>What tests of a loaded model share.</summary>
public abstract class EngineTest
{
    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected static Task<InferenceEngine> LoadAsync(string folder, EngineOptions? options = null) =>
        LoadAsync(new FolderModelSource(folder), options ?? new EngineOptions());

    /// <summary>Loads a model; skips the test where the device, or the validation layer that it asks for, is not there.</summary>
    private protected static Task<InferenceEngine> LoadAsync(IModelSource source, EngineOptions options)
    {
        SkipWithout(options);
        return InferenceEngine.LoadAsync(source, options with { AllowSoftwareDevice = true }, cancellationToken: Cancellation);
    }

    /// <summary>The same with one family of kernels; skips the test where the device or the build lacks it.</summary>
    private protected static async Task<InferenceEngine> LoadAsync(IModelSource source, KernelFamily family)
    {
        try
        {
            return await LoadAsync(source, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1, Kernels = new KernelOptions { Forced = family } });
        }
        catch (DeviceException error) when (error.Message.Contains("cannot be used", StringComparison.Ordinal))
        {
            Assert.Skip(error.Message);
            throw;
        }
    }

    private protected static Task<InferenceEngine> LoadGoldenAsync(string name, KvCacheType cache = KvCacheType.F32, int maxSequences = 1) =>
        LoadAsync(GoldenModels.Open(name).Folder, new EngineOptions { KvCacheType = cache, MaxSequences = maxSequences });

    /// <summary>The engine's own parts, to be run by the test's thread.</summary>
    private protected static async Task<EngineResources> LoadResourcesAsync(string folder, EngineOptions options)
    {
        SkipWithout(options);
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(folder), Cancellation);
        EngineOptions allowed = options with { AllowSoftwareDevice = true };
        await using var opening = new DeviceOpening(allowed, Cancellation);
        return await EngineResources.LoadAsync(model, opening, allowed, null, Cancellation);
    }

    private static void SkipWithout(EngineOptions options)
    {
        Machine.NeedsDevice();
        if (options.Validation) ValidationLayer.Needed();
    }

    private protected static async Task<List<int>> GenerateAsync(InferenceEngine engine, GenerationRequest request)
    {
        var ids = new List<int>();
        await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation)) ids.Add(token.Id);
        return ids;
    }

    /// <summary>How long a test goes on that can be made longer by an environment variable.</summary>
    private protected static TimeSpan Minutes(string variable, double otherwise) =>
        TimeSpan.FromMinutes(Environment.GetEnvironmentVariable(variable) is { } minutes ? double.Parse(minutes, CultureInfo.InvariantCulture) : otherwise);

    private protected static float LargestDifference(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            float difference = Math.Abs(expected[i] - actual[i]);
            largest = difference <= largest ? largest : difference;
        }
        return largest;
    }
}
