using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>What works on batches.</summary>
internal static class BatchServices
{
    /// <summary>Adds batches: made and looked at over HTTP, worked on from their queue, looked after every minute.</summary>
    public static IServiceCollection AddBatches(this IServiceCollection services)
    {
        services.AddSingleton<FileStore>();
        services.AddSingleton<BatchStore>();
        services.AddSingleton<BatchMarkers>();
        services.AddSingleton<BatchResults>();
        services.AddSingleton<BatchRetry>();
        services.AddSingleton(provider => NewWork(provider.GetRequiredService<StorageConnection>(), provider.GetRequiredService<Gemma2Options>()));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<BatchSweep>(provider, provider.GetRequiredService<Gemma2Options>().QueueLease));
        services.AddSingleton<Retention>();
        services.AddSingleton<ThroughputMeter>();
        services.AddSingleton<LineLimiter>();
        services.AddSingleton<BatchTokens>();
        services.AddSingleton<LineRunner>();
        services.AddSingleton<BatchTurns>();
        services.AddSingleton<BatchEstimator>();
        services.AddSingleton<ChunkInput>();
        services.AddSingleton<ChunkStep>();
        services.AddSingleton<SplitStep>();
        services.AddSingleton<BatchCallbacks>();
        services.AddSingleton<IQueueHandler, BatchRequestHandler>();
        services.AddSingleton<IQueueHandler, BatchPoisonHandler>();
        services.AddSingleton<Sweeper>();
        return services;
    }

    private static BatchWork NewWork(StorageConnection storage, Gemma2Options options) =>
        new(storage, options.QueueLease, new BatchTerms(options.Prices, options.BatchWebhook));
}
