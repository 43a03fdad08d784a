using Azure.Storage.Queues;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests;

/// <summary>How old the oldest message of a queue is, looked up in a real Azurite. The time is the test's to say.</summary>
public sealed class QueueWatchTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Look_MessageThatWaits_TellsItsQueueAndAge()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("first", "{}");
        await account.SubmitAsync("second", "{}");
        DateTimeOffset since = (await new QueueClient(account.ConnectionString, StorageNames.CompletionRequests).PeekMessageAsync(Cancellation)).Value.InsertedOn!.Value;

        Assert.Equal(["Queue completion-requests: the oldest message has waited 3600 s"], await LookAsync(account.Messages, since.AddHours(1)));
    }

    [Fact]
    public async Task Look_MessageOfAMomentAgo_TellsNothing()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("first", "{}");

        Assert.Empty(await LookAsync(account.Messages, DateTimeOffset.UtcNow));
    }

    /// <summary>Who works on a message keeps it from others' eyes: it does not wait.</summary>
    [Fact]
    public async Task Look_MessageInHand_TellsNothing()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("first", "{}");
        await account.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(5), Cancellation);

        Assert.Empty(await LookAsync(account.Messages, DateTimeOffset.UtcNow.AddHours(1)));
    }

    [Fact]
    public async Task Look_NoQueue_TellsNothing()
    {
        string connection = azurite.NewConnectionString();

        Assert.Empty(await LookAsync(new JobQueue(StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connection : null), "nowhere"), DateTimeOffset.UtcNow));
    }

    [Fact]
    public async Task App_WithQueues_WatchesThem()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);

        Assert.Single(app.App.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<QueueWatch>());
    }

    private static async Task<IReadOnlyList<string>> LookAsync(JobQueue queue, DateTimeOffset now)
    {
        var lines = new Lines();
        using var watch = new QueueWatch([new Idle(queue)], lines);
        await watch.LookAsync(now, Cancellation);
        return lines.Written;
    }

    /// <summary>Nobody works on the queue: messages lie where they are.</summary>
    private sealed class Idle(JobQueue queue) : IQueueHandler
    {
        public JobQueue Queue => queue;

        public int Concurrency => 1;

        public Task<QueueOutcome> HandleAsync(QueueDelivery delivery, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class Lines : ILogger<QueueWatch>
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
