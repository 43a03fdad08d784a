using Gemma2.Functions.Hosting;
using Gemma2.Functions.Jobs.Callbacks;
using Gemma2.Functions.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Functions.Jobs;

/// <summary>What jobs are made of.</summary>
internal static class JobServices
{
    public static void AddJobs(this IServiceCollection services, FunctionsHost host)
    {
        services.AddSingleton<JobStore>();
        services.AddSingleton(provider => new JobWork(provider.GetRequiredService<StorageConnection>()));
        services.AddSingleton<RunningJobs>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton(new CallbackNetwork());
        services.AddSingleton<CallbackRules>();
        services.AddSingleton<CallbackSender>();
        services.AddSingleton<JobCallbacks>();
        services.AddQueueHandler<CompletionJobHandler>(host);
        services.AddQueueHandler<CompletionPoisonHandler>(host);
    }
}
