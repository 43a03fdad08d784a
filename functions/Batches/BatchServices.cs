using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosting;
using Gemma2.Functions.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Functions.Batches;

/// <summary>What works on batches.</summary>
internal static class BatchServices
{
    /// <summary>Adds batches: made and looked at over HTTP, worked on from their queue, looked after every minute.</summary>
    public static IServiceCollection AddBatches(this IServiceCollection services, FunctionsHost host)
    {
        services.AddSingleton<FileStore>();
        services.AddSingleton<BatchStore>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<BatchWork>(provider, provider.GetRequiredService<Gemma2Options>().QueueLease));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<BatchSweep>(provider, provider.GetRequiredService<Gemma2Options>().QueueLease));
        services.AddSingleton<Retention>();
        services.AddSingleton<ThroughputMeter>();
        services.AddSingleton<LineLimiter>();
        services.AddSingleton<LineRunner>();
        services.AddSingleton<ChunkInput>();
        services.AddSingleton<ChunkStep>();
        services.AddSingleton<SplitStep>();
        services.AddQueueHandler<BatchRequestHandler>(host);
        services.AddQueueHandler<BatchPoisonHandler>(host);
        services.AddHostedService<BatchSweeper>();
        return services;
    }
}
