using Gemma2.Backend.Startup;
using Gemma2.Service.Api;
using Gemma2.Service.Batches;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Completions;
using Gemma2.Service.Http;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Admin;
using Gemma2.Service.Http.Anthropic;
using Gemma2.Service.Http.Batches;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Http.Jobs;
using Gemma2.Service.Http.Metrics;
using Gemma2.Service.Http.OpenAI;
using Gemma2.Service.Http.Responses;
using Gemma2.Service.Http.Streaming;
using Gemma2.Service.Http.Vllm;
using Gemma2.Service.Jobs;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Service.Telemetry;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Limits;
using Gemma2.Storage.Models;
using Gemma2.Storage.Responses;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gemma2.Service;

/// <summary>Puts the service together: what it is made of, and what it answers. Who listens, and who takes messages from queues, is its host's part.</summary>
internal static class ServiceSetup
{
    /// <summary>Adds all that the service is made of.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="options">The settings.</param>
    /// <param name="storage">The storage account; without one a model's folder is served over HTTP alone.</param>
    public static void AddGemma2(this IServiceCollection services, Gemma2Options options, StorageConnection? storage)
    {
        services.AddSingleton(options);
        services.AddSingleton<FatalStop>();
        services.AddSingleton<Draining>();
        services.TryAddSingleton(_ => StartupTimeline.FromNow());
        services.AddSingleton<TraceExport>();
        services.AddSingleton<Startups>();
        services.AddSingleton<PrometheusExport>();
        services.AddSingleton<SharedPipelines>();
        services.AddSingleton<IEngineLoader, EngineLoader>();
        services.AddSingleton(new LoadRetry { HasStorage = storage is not null, IsModelStored = storage is not null && IsName(ModelLocator.NameInStorage(options.Model)) });
        services.AddSingleton<ModelHost>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelHost>());
        services.AddSingleton<ModelReload>();
        services.AddSingleton<EarlyRequests>();
        services.AddSingleton(new StreamOptions());
        services.AddSingleton<ErrorReporter>();
        services.AddSingleton<ModelGrammars>();
        services.AddSingleton<CompletionFactory>();
        services.AddSingleton<CompletionResponder>();
        services.AddSingleton<IWarmUp, FirstAnswers>();
        services.AddSingleton<StateStream>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<FailedKeys>();
        services.AddSingleton<RateLimits>();
        services.AddCors();
        if (storage is null)
            return;
        services.AddSingleton(storage);
        services.AddSingleton<QueueDispatcher>();
        services.AddSingleton<MessageProcessor>();
        services.AddSingleton<DeadLetterStore>();
        services.AddSingleton<DeadLetters>();
        services.AddSingleton(new CallbackNetwork());
        services.AddSingleton<CallbackRules>();
        services.AddSingleton<CallbackSender>();
        services.AddSingleton<ResponseStore>();
        services.AddSingleton<Quotas>();
        services.AddSingleton<MinuteClaims>();
        services.AddJobs();
        services.AddBatches();
        services.AddHostedService<QueueWatch>();
    }

    /// <summary>The way of every request, from its first check to its endpoint.</summary>
    public static void UseGemma2(this IApplicationBuilder app)
    {
        app.UseMiddleware<RequestIds>();
        app.UseMiddleware<AccessLog>();
        app.UseRoutingOfOtherPaths();
        app.UseCrossOrigin(app.ApplicationServices.GetRequiredService<Gemma2Options>());
        app.UseMiddleware<ErrorResponses>();
        app.UseMiddleware<StopGate>();
        app.UseMiddleware<RequestTimeLimit>();
        app.UseMiddleware<ApiKeyCheck>();
        app.UseMiddleware<RateLimitCheck>();
        app.UseEndpoints(routes => MapGemma2(routes.MapGroup("").WithHead()));
    }

    // One that no push can bring is a wrong setting.
    private static bool IsName(string? model) => model is not null && ModelName.IsValid(model);

    private static void MapGemma2(IEndpointRouteBuilder routes)
    {
        RootEndpoint.Map(routes);
        HealthEndpoint.Map(routes);
        StartupEndpoint.Map(routes);
        MetricsEndpoint.Map(routes);
        ModelsEndpoint.Map(routes);
        CompletionsEndpoint.Map(routes);
        ChatCompletionsEndpoint.Map(routes);
        MessagesEndpoint.Map(routes);
        ResponsesEndpoint.Map(routes);
        FilesEndpoint.Map(routes);
        BatchesEndpoint.Map(routes);
        JobsEndpoint.Map(routes);
        TokenizeEndpoint.Map(routes);
        ReloadEndpoint.Map(routes);
        UnservedEndpoints.Map(routes);
    }
}
