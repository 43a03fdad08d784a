using Gemma2.Backend.Serving;
using Gemma2.Backend.Weights;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>What tests of a loaded model share.</summary>
public abstract class EngineTest
{
    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected static Task<InferenceEngine> LoadAsync(string folder, EngineOptions? options = null) => InferenceEngine.LoadAsync(
        new FolderModelSource(folder), (options ?? new EngineOptions()) with { AllowSoftwareDevice = true }, cancellationToken: Cancellation);

    private protected static Task<InferenceEngine> LoadGoldenAsync(string name, KvCacheType cache = KvCacheType.F32, int maxSequences = 1) =>
        LoadAsync(GoldenModels.Open(name).Folder, new EngineOptions { KvCacheType = cache, MaxSequences = maxSequences });

    /// <summary>The engine's own parts, to be run by the test's thread.</summary>
    private protected static async Task<EngineResources> LoadResourcesAsync(string folder, EngineOptions options)
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(folder), Cancellation);
        return await EngineResources.LoadAsync(model, options with { AllowSoftwareDevice = true }, null, Cancellation);
    }

    private protected static async Task<List<int>> GenerateAsync(InferenceEngine engine, GenerationRequest request)
    {
        var ids = new List<int>();
        await foreach (GeneratedToken token in engine.GenerateAsync(request, Cancellation)) ids.Add(token.Id);
        return ids;
    }

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
