using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Engine;

/// <summary>Whether a device has room for another model beside an engine's own.</summary>
internal static class RoomBeside
{
    /// <summary>
    /// True where there is room for its weights, and for a cache and buffers as large as the engine's: a new engine whose cache got only what the old one leaves would be the slower one for good.
    /// </summary>
    public static async Task<bool> IsEnoughAsync(EngineResources resources, IModelSource source, EngineOptions options, CancellationToken cancellationToken)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<TensorEntry> tensors = model.TensorsAs(options.WeightType);
        KvCacheType type = options.KvCacheType.For(tensors.Select(tensor => tensor.Type));
        long weights = MemoryEstimate.Of(model.Config, tensors, resources.ContextLength, type).WeightBytes;
        return weights + (resources.Device.AllocatedBytes - resources.WeightBytes) <= CacheSize.Usable(resources.Device);
    }
}
