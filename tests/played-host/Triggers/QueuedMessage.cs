using System.Text;
using System.Text.Json;
using System.Xml;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Gemma2.PlayedHost.Protocol;
using Google.Protobuf;

namespace Gemma2.PlayedHost.Triggers;

/// <summary>
/// A message that the host has taken. All that is done to it is done with the receipt that the host has; where that is no longer the message's, nothing is done
/// and nothing is said.
/// </summary>
internal sealed class QueuedMessage(QueueClient queue, QueueMessage message)
{
    private string _receipt = message.PopReceipt;

    /// <summary>Which delivery it is, from 1.</summary>
    public long DequeueCount => message.DequeueCount;

    /// <summary>Reads its text; null where it is not as host.json says.</summary>
    public string? Decode(bool isBase64)
    {
        string text = message.Body.ToString();
        if (!isBase64) return text;
        byte[] bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out int length) ? Encoding.UTF8.GetString(bytes, 0, length) : null;
    }

    /// <summary>The message as the worker's extension reads it.</summary>
    public TypedData ToInput(string text)
    {
        string json = JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["MessageId"] = message.MessageId,
            ["PopReceipt"] = message.PopReceipt,
            ["MessageText"] = text,
            ["DequeueCount"] = message.DequeueCount,
            ["NextVisibleOn"] = message.NextVisibleOn,
            ["InsertedOn"] = message.InsertedOn,
            ["ExpiresOn"] = message.ExpiresOn,
        });
        var data = new ModelBindingData { Version = "1.0", Source = "AzureStorageQueues", ContentType = "application/json", Content = ByteString.CopyFromUtf8(json) };
        return new TypedData { ModelBindingData = data };
    }

    /// <summary>Keeps it hidden until it is done with.</summary>
    public async Task RenewAsync(TimeSpan lease, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(lease / 2, done));
            if (!done.IsCancellationRequested) await HideAsync(lease);
        }
    }

    /// <summary>Hides it from now for a time.</summary>
    public Task HideAsync(TimeSpan time) =>
        TryAsync(async () => _receipt = (await queue.UpdateMessageAsync(message.MessageId, _receipt, visibilityTimeout: time)).Value.PopReceipt);

    /// <summary>Deletes it.</summary>
    public Task DeleteAsync() => TryAsync(() => queue.DeleteMessageAsync(message.MessageId, _receipt));

    /// <summary>Moves it to the poison queue.</summary>
    public Task PoisonAsync(QueueClient poison)
    {
        Console.WriteLine($"{this} goes to {poison.Name}");
        return TryAsync(async () =>
        {
            await poison.CreateIfNotExistsAsync();
            await poison.SendMessageAsync(message.Body.ToString());
            await DeleteAsync();
        });
    }

    /// <inheritdoc/>
    public override string ToString() => $"Message {message.MessageId} of queue {queue.Name}, delivery {message.DequeueCount},";

    /// <summary>Whether an error is one of storage or of the way to it: the client gives up with one, or with those of all its tries.</summary>
    public static bool IsOfStorage(Exception error) => error is RequestFailedException or IOException or XmlException or OperationCanceledException
        || (error as AggregateException)?.InnerExceptions.All(IsOfStorage) == true;

    private static async Task TryAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception error) when (IsOfStorage(error))
        {
            // The message has another receipt by now or is gone; or storage is away, and the message comes again.
        }
    }
}
