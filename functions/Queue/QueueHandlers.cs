using Gemma2.Functions.Hosting;

namespace Gemma2.Functions.Queue;

/// <summary>Which queues the app works on.</summary>
internal static class QueueHandlers
{
    /// <summary>Adds a handler, and a poller for its queue where no Functions host delivers.</summary>
    public static IServiceCollection AddQueueHandler<T>(this IServiceCollection services, FunctionsHost host) where T : class, IQueueHandler
    {
        services.AddSingleton<T>();
        services.AddSingleton<IQueueHandler>(provider => provider.GetRequiredService<T>());
        // Not AddHostedService, which takes a second poller for the first one.
        if (!host.IsPresent)
            services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<QueuePoller>(provider, provider.GetRequiredService<T>()));
        return services;
    }
}
