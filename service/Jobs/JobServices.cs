using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Jobs;

/// <summary>What jobs are made of.</summary>
internal static class JobServices
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSingleton<JobStore>();
        services.AddSingleton(provider => new JobWork(provider.GetRequiredService<StorageConnection>()));
        services.AddSingleton(provider => new JobSweep(provider.GetRequiredService<StorageConnection>(), provider.GetRequiredService<Gemma2Options>().QueueLease));
        services.AddSingleton<RunningJobs>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton<RejectedJobs>();
        services.AddSingleton<JobCallbacks>();
        services.AddSingleton<IQueueHandler, CompletionJobHandler>();
        services.AddSingleton<IQueueHandler, CompletionPoisonHandler>();
    }
}
