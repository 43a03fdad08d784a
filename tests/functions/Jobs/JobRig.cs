using System.Text;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Jobs;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>One worker whose messages a test delivers, and whose storage a test can make fail.</summary>
internal sealed class JobRig : IAsyncDisposable
{
    public const string Chat = """{"messages":[{"role":"user","content":"Hi"}]}""";

    private JobRig(TestApp app, StorageAccount account, FaultTransport faults) => (App, Account, Faults) = (app, account, faults);

    public TestApp App { get; }

    public StorageAccount Account { get; }

    public FaultTransport Faults { get; }

    public CompletionJobHandler Handler => App.App.Services.GetServices<IQueueHandler>().OfType<CompletionJobHandler>().Single();

    public CompletionPoisonHandler PoisonHandler => App.App.Services.GetServices<IQueueHandler>().OfType<CompletionPoisonHandler>().Single();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A worker like those under a Functions host: nothing comes to it by itself.</summary>
    public static async Task<JobRig> StartAsync(StorageAccount account, IInferenceEngine engine, Action<IServiceCollection>? configure = null, params string[] settings)
    {
        var faults = new FaultTransport();
        var tuning = new StorageTuning
        {
            Transport = faults,
            Retry = new() { BaseDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(5), MaxRetries = 2 },
            Breaker = new() { MinimumTries = int.MaxValue },
        };
        TestApp app = await TestApp.StartAsync(
            engine,
            services =>
            {
                services.AddSingleton(StorageConnection.FromSettings(_ => account.ConnectionString, "Storage", tuning));
                configure?.Invoke(services);
            },
            [account.Setting, TestApp.WithoutPollers, .. settings]);
        return new JobRig(app, account, faults);
    }

    /// <summary>Delivers a message to the handler.</summary>
    public Task<QueueOutcome> DeliverAsync(string text, long dequeueCount = 1, CancellationToken? cancellationToken = null) =>
        Handler.HandleAsync(new QueueDelivery(text, dequeueCount), cancellationToken ?? Cancel);

    /// <summary>Delivers a message that was replaced.</summary>
    public Task<QueueOutcome> DeliverAsync(QueueOutcome outcome) => DeliverAsync(Text(outcome));

    /// <summary>The text of the message that takes another's place.</summary>
    public static string Text(QueueOutcome outcome) => Encoding.UTF8.GetString(Assert.IsType<QueueOutcome.Replaced>(outcome).Message.Span);

    /// <summary>A job as a message holds it.</summary>
    public static string Message(string id, string request = Chat, string more = "") =>
        $$"""{"id":"{{id}}","model":"{{ScriptedEngine.Name}}","request":{{request}}{{more}}}""";

    public static OwnedId Key(string id) => new(null, id);

    public async Task<JobSnapshot> ReadAsync(string id) => (await Account.Jobs.TryReadAsync(Key(id), Cancel))!;

    public async Task<JsonElement> ResultAsync(string id) => JsonElement.Parse((await ReadAsync(id)).Result!.Value.Span);

    public static CompletionJob Job(string id, string request = Chat) => new(Key(id), ScriptedEngine.Name, JsonElement.Parse(request));

    public ValueTask DisposeAsync() => App.DisposeAsync();
}
