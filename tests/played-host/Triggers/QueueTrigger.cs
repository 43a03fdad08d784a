using Azure.Storage.Queues;
using Gemma2.PlayedHost.App;
using Gemma2.PlayedHost.Workers;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>Invokes a function for each message of its queue, as the host's extension does.</summary>
/// <param name="function">The function.</param>
/// <param name="rules">How messages are taken.</param>
/// <param name="lease">How long a message in work is hidden at a time.</param>
/// <param name="queue">The queue.</param>
/// <param name="poisonQueue">Where messages go that failed too often; a poison queue itself has none.</param>
/// <param name="workers">Who runs the function.</param>
internal sealed class QueueTrigger(
    Function function, QueueRules rules, TimeSpan lease, QueueClient queue, QueueClient? poisonQueue, WorkerSupervisor workers)
{
    private const string PoisonSuffix = "-poison";

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);

    private readonly List<Task> _running = [];

    /// <summary>Reads a function's trigger.</summary>
    /// <exception cref="PlayedHostException">The setting with the connection string is not there, or the function does not take a QueueMessage.</exception>
    public static QueueTrigger Create(Function function, QueueRules rules, TimeSpan lease, WorkerSupervisor workers)
    {
        if (function.Trigger.Find("properties", "supportsDeferredBinding")?.GetString() != "True")
            throw new PlayedHostException($"Function {function.Name}: only triggers whose parameter is a QueueMessage are played.");
        string setting = function.Trigger.Find("connection")?.GetString() ?? "AzureWebJobsStorage";
        if (Environment.GetEnvironmentVariable(setting) is not { Length: > 0 } connection)
            throw new PlayedHostException($"{setting} is not set, which function {function.Name} names as its connection.");
        string name = function.Trigger.GetProperty("queueName").GetString()!;
        QueueClient? poisonQueue = name.EndsWith(PoisonSuffix, StringComparison.Ordinal) ? null : Client(connection, name + PoisonSuffix);
        return new QueueTrigger(function, rules, lease, Client(connection, name), poisonQueue, workers);
    }

    /// <summary>Takes messages until it is told to take no more, then waits for those that it has.</summary>
    public async Task RunAsync(CancellationToken takeNoMore)
    {
        TimeSpan pause = ShortestPause;
        try
        {
            while (true)
            {
                await workers.GetAsync(takeNoMore);
                QueuedMessage[] messages = await ReceiveAsync(takeNoMore);
                _running.AddRange(messages.Select(ProcessAsync));
                if (messages.Length == 0) await Task.Delay(pause, takeNoMore);
                pause = messages.Length > 0 ? ShortestPause : Min(pause * 2, rules.MaxPollingInterval);
                await WaitForRoomAsync(takeNoMore);
            }
        }
        catch (OperationCanceledException) when (takeNoMore.IsCancellationRequested)
        {
            await Task.WhenAll(_running);
        }
    }

    /// <summary>Texts are sent and received as they are; what they mean is for host.json to say.</summary>
    private static QueueClient Client(string connection, string queue) =>
        new(connection, queue, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None });

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private async Task WaitForRoomAsync(CancellationToken takeNoMore)
    {
        while (_running.Count > rules.NewBatchThreshold)
        {
            await Task.WhenAny(_running).WaitAsync(takeNoMore);
            _running.RemoveAll(message => message.IsCompleted);
        }
    }

    private async Task<QueuedMessage[]> ReceiveAsync(CancellationToken takeNoMore)
    {
        try
        {
            return [.. (await queue.ReceiveMessagesAsync(rules.BatchSize, lease, takeNoMore)).Value.Select(message => new QueuedMessage(queue, message))];
        }
        catch (Exception error) when (QueuedMessage.IsOfStorage(error))
        {
            // The queue is not there yet, or storage is away.
            return [];
        }
    }

    private async Task ProcessAsync(QueuedMessage message)
    {
        string? text = message.Decode(rules.IsBase64);
        if (text is null || message.DequeueCount > rules.MaxDequeueCount)
            await EndFailedAsync(message, text is null ? "It is not base64." : "It was delivered too often.", isLast: true);
        else if (await InvokeAsync(message, text) is { } error)
            await EndFailedAsync(message, error, isLast: message.DequeueCount >= rules.MaxDequeueCount);
        else
            await message.DeleteAsync();
    }

    /// <summary>Invokes the function; gives why that failed, null if it did not.</summary>
    private async Task<string?> InvokeAsync(QueuedMessage message, string text)
    {
        using var done = new CancellationTokenSource();
        Task renewing = message.RenewAsync(lease, done.Token);
        try
        {
            Worker worker = await workers.GetAsync(CancellationToken.None);
            await worker.InvokeAsync(function, Worker.NewInvocationId(), message.ToInput(text));
            return null;
        }
        catch (WorkerException error)
        {
            return error.Message;
        }
        finally
        {
            await done.CancelAsync();
            await renewing;
        }
    }

    private async Task EndFailedAsync(QueuedMessage message, string error, bool isLast)
    {
        Console.WriteLine($"{message} has failed. {error.Split('\n')[0].TrimEnd()}");
        // Without a poison queue the message stays hidden, or it would come again at once and for ever.
        if (poisonQueue is null) return;
        if (isLast) await message.PoisonAsync(poisonQueue);
        else await message.HideAsync(rules.VisibilityTimeout);
    }
}
