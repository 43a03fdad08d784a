using System.Text;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Gemma2.Storage.Jobs;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Storage.Tests.Jobs;

public class JobQueueTests(AzuriteFixture azurite)
{
    private const string Name = "completion-requests";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_Text_IsBase64AsTheFunctionsHostReadsIt()
    {
        var (storage, queue) = await NewQueueAsync();

        await queue.SendAsync(Encoding.UTF8.GetBytes("{\"id\":\"ä\"}"), TimeSpan.Zero, Cancel);

        var host = new QueueClient(storage.ConnectionString, Name, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 });
        QueueMessage message = (await host.ReceiveMessageAsync(cancellationToken: Cancel)).Value;
        Assert.Equal("{\"id\":\"ä\"}", message.Body.ToString());
        Assert.True(message.ExpiresOn > DateTimeOffset.UtcNow.AddYears(1), $"The message expires at {message.ExpiresOn}.");
    }

    [Fact]
    public async Task Send_LongestMessage_IsTakenByTheService()
    {
        var (_, queue) = await NewQueueAsync();
        byte[] longest = Encoding.UTF8.GetBytes(new string('x', JobMessage.MaxMessageBytes));

        await queue.SendAsync(longest, TimeSpan.Zero, Cancel);

        Assert.Equal(JobMessage.MaxMessageBytes, Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel)).ReadText().Length);
    }

    [Fact]
    public async Task Receive_Leased_NobodyElseGetsIt()
    {
        var (_, queue) = await NewQueueAsync();
        await queue.SendAsync("a"u8.ToArray(), TimeSpan.Zero, Cancel);
        await queue.SendAsync("b"u8.ToArray(), TimeSpan.Zero, Cancel);

        IReadOnlyList<QueueLease> taken = await queue.ReceiveAsync(32, Lease, Cancel);

        Assert.Equal(["a", "b"], taken.Select(lease => lease.ReadText()));
        Assert.All(taken, lease => Assert.Equal(1, lease.DequeueCount));
        Assert.Empty(await queue.ReceiveAsync(32, Lease, Cancel));
    }

    [Fact]
    public async Task Complete_Leased_RemovesTheMessage()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueLease lease = await SendAndTakeAsync(queue);

        Assert.True(await lease.CompleteAsync(Cancel));

        Assert.Equal(0, await CountAsync(storage, Name));
        Assert.False(await lease.CompleteAsync(Cancel));
    }

    [Fact]
    public async Task Receive_PoisonQueueIsAway_OtherMessagesAreReceivedAllTheSame()
    {
        var (storage, queue) = await NewQueueAsync();
        await queue.SendAsync("poison"u8.ToArray(), TimeSpan.Zero, Cancel);
        for (int tries = 0; tries < queue.MaxDequeueCount; tries++)
            await Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel)).RenewAsync(TimeSpan.Zero, Cancel);
        await queue.SendAsync("good"u8.ToArray(), TimeSpan.Zero, Cancel);
        storage.Faults.Play(FaultTransport.Answer(500, "InternalError"), request => request.Uri.Path.Contains(Name + StorageNames.PoisonSuffix, StringComparison.Ordinal));

        QueueLease received = Assert.Single(await queue.ReceiveAsync(32, Lease, Cancel));

        Assert.Equal("good", received.ReadText());
        Assert.Equal(2, await CountAsync(storage, Name));
    }

    [Fact]
    public async Task Renew_ManyTimesWhileOthersCall_KeepsTheLease()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueLease lease = await SendAndTakeAsync(queue);

        bool[] renewed = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => lease.RenewAsync(Lease, Cancel)));

        Assert.All(renewed, Assert.True);
        Assert.True(await lease.CompleteAsync(Cancel));
        Assert.Equal(0, await CountAsync(storage, Name));
    }

    [Fact]
    public async Task Fail_FirstTries_DeliversTheSameTextAgain()
    {
        var (_, queue) = await NewQueueAsync(maxDequeueCount: 3);
        QueueLease lease = await SendAndTakeAsync(queue, "again");

        Assert.Equal(FailOutcome.Released, await lease.FailAsync(TimeSpan.Zero, Cancel));

        QueueLease second = Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel));
        Assert.Equal(("again", 2L), (second.ReadText(), second.DequeueCount));
    }

    [Fact]
    public async Task Fail_WithAWait_IsNotDeliveredAtOnce()
    {
        var (_, queue) = await NewQueueAsync();
        QueueLease lease = await SendAndTakeAsync(queue);

        await lease.FailAsync(Lease, Cancel);

        Assert.Empty(await queue.ReceiveAsync(1, Lease, Cancel));
    }

    [Fact]
    public async Task Fail_LastTry_MovesTheTextToPoison()
    {
        var (storage, queue) = await NewQueueAsync(maxDequeueCount: 3);
        await queue.SendAsync("poison"u8.ToArray(), TimeSpan.Zero, Cancel);

        var outcomes = new List<FailOutcome>();
        while (await queue.ReceiveAsync(1, Lease, Cancel) is [QueueLease lease]) outcomes.Add(await lease.FailAsync(TimeSpan.Zero, Cancel));

        Assert.Equal([FailOutcome.Released, FailOutcome.Released, FailOutcome.Poisoned], outcomes);
        Assert.Equal(0, await CountAsync(storage, Name));
        QueueLease poison = Assert.Single(await new JobQueue(storage.Connection, Name + "-poison").ReceiveAsync(32, Lease, Cancel));
        Assert.Equal("poison", poison.ReadText());
    }

    [Fact]
    public async Task Fail_PoisonQueueMissing_IsMade()
    {
        var (storage, queue) = await NewQueueAsync(maxDequeueCount: 1);
        await new QueueClient(storage.ConnectionString, Name + "-poison").DeleteAsync(Cancel);
        QueueLease lease = await SendAndTakeAsync(queue);

        Assert.Equal(FailOutcome.Poisoned, await lease.FailAsync(TimeSpan.Zero, Cancel));

        Assert.Equal(1, await CountAsync(storage, Name + "-poison"));
    }

    [Fact]
    public async Task Receive_WorkersDiedWithItTooOften_MovesItToPoison()
    {
        var (storage, queue) = await NewQueueAsync(maxDequeueCount: 2);
        await queue.SendAsync("deadly"u8.ToArray(), TimeSpan.Zero, Cancel);
        var raw = new QueueClient(storage.ConnectionString, Name);
        for (int death = 0; death < 2; death++)
        {
            QueueMessage message = (await raw.ReceiveMessageAsync(Lease, Cancel)).Value;
            await raw.UpdateMessageAsync(message.MessageId, message.PopReceipt, (string?)null, TimeSpan.Zero, Cancel);
        }

        Assert.Empty(await queue.ReceiveAsync(32, Lease, Cancel));

        Assert.Equal(0, await CountAsync(storage, Name));
        Assert.Equal(1, await CountAsync(storage, Name + "-poison"));
    }

    [Fact]
    public async Task Lease_LostToAnotherWorker_IsToldNotThrown()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueLease first = await SendAndTakeAsync(queue);
        await MakeVisibleAsync(storage, first);
        QueueLease second = Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel));

        Assert.False(await first.RenewAsync(Lease, Cancel));
        Assert.False(await first.CompleteAsync(Cancel));
        Assert.Equal(FailOutcome.LeaseLost, await first.FailAsync(TimeSpan.Zero, Cancel));

        Assert.True(await second.CompleteAsync(Cancel));
    }

    [Fact]
    public async Task Complete_ReplyLostAfterItTookEffect_IsNoError()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueLease lease = await SendAndTakeAsync(queue);
        storage.Faults.Play(FaultTransport.LoseReply, request => request.Method.Method == "DELETE", times: 1);

        // The second try finds no message: nobody can tell this from a lost lease.
        Assert.False(await lease.CompleteAsync(Cancel));

        Assert.Equal(0, await CountAsync(storage, Name));
    }

    [Fact]
    public async Task Receive_Throttled_IsTriedAgain()
    {
        var (storage, queue) = await NewQueueAsync();
        await queue.SendAsync("a"u8.ToArray(), TimeSpan.Zero, Cancel);
        storage.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), _ => true, times: 3);

        Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel));
    }

    [Theory]
    [InlineData("{\"id\":\"plain\"}")]
    [InlineData("/////w==")]
    public async Task ReadText_NotBase64OfText_IsTheBodyAndEndsInPoisonAsItWas(string body)
    {
        var (storage, queue) = await NewQueueAsync(maxDequeueCount: 1);
        await new QueueClient(storage.ConnectionString, Name).SendMessageAsync(body, Cancel);
        QueueLease lease = Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel));

        string text = lease.ReadText();
        await lease.FailAsync(TimeSpan.Zero, Cancel);

        Assert.Equal(body, text);
        PeekedMessage poison = (await new QueueClient(storage.ConnectionString, Name + "-poison").PeekMessageAsync(Cancel)).Value;
        Assert.Equal(body, poison.Body.ToString());
    }

    [Fact]
    public async Task Adopt_TakenByAnother_WhatThatOneDoesIsWithoutEffect()
    {
        var (storage, queue) = await NewQueueAsync();
        var host = new QueueClient(storage.ConnectionString, Name);
        QueueMessage message = await SendAndTakeAsHostAsync(queue, host);

        QueueLease lease = (await queue.AdoptAsync(message, Lease, Cancel))!;

        Assert.Equal("{}", lease.ReadText());
        await Assert.ThrowsAnyAsync<Azure.RequestFailedException>(() => host.DeleteMessageAsync(message.MessageId, message.PopReceipt, Cancel));
        await Assert.ThrowsAnyAsync<Azure.RequestFailedException>(() => host.UpdateMessageAsync(message.MessageId, message.PopReceipt, cancellationToken: Cancel));
        Assert.True(await lease.CompleteAsync(Cancel));
        Assert.Equal(0, (await host.GetPropertiesAsync(Cancel)).Value.ApproximateMessagesCount);
    }

    [Fact]
    public async Task Adopt_NotRenewed_ComesAgainAfterTheShorterLease()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueMessage message = await SendAndTakeAsHostAsync(queue, new QueueClient(storage.ConnectionString, Name));

        Assert.NotNull(await queue.AdoptAsync(message, TimeSpan.FromSeconds(1), Cancel));

        IReadOnlyList<QueueLease> again;
        while ((again = await queue.ReceiveAsync(1, Lease, Cancel)).Count == 0)
            await Task.Delay(100, Cancel);
        Assert.Equal(2, Assert.Single(again).DequeueCount);
    }

    [Fact]
    public async Task Adopt_NoLongerTheHosts_IsNobodysToTake()
    {
        var (storage, queue) = await NewQueueAsync();
        QueueMessage message = await SendAndTakeAsHostAsync(queue, new QueueClient(storage.ConnectionString, Name));
        Assert.NotNull(await queue.AdoptAsync(message, Lease, Cancel));

        Assert.Null(await queue.AdoptAsync(message, Lease, Cancel));
    }

    [Fact]
    public async Task Adopt_TakenTooOften_GoesToPoison()
    {
        var (storage, queue) = await NewQueueAsync(maxDequeueCount: 1);
        var host = new QueueClient(storage.ConnectionString, Name);
        QueueMessage first = await SendAndTakeAsHostAsync(queue, host);
        await host.UpdateMessageAsync(first.MessageId, first.PopReceipt, visibilityTimeout: TimeSpan.Zero, cancellationToken: Cancel);
        QueueMessage second = (await host.ReceiveMessageAsync(TimeSpan.FromMinutes(10), Cancel)).Value;

        Assert.Null(await queue.AdoptAsync(second, Lease, Cancel));

        Assert.Single(await queue.Poison.ReceiveAsync(32, Lease, Cancel));
        Assert.Equal(0, (await host.GetPropertiesAsync(Cancel)).Value.ApproximateMessagesCount);
    }

    [Fact]
    public async Task Receive_NoQueue_SaysSo()
    {
        var error = await Assert.ThrowsAsync<StorageException>(() => new JobQueue(new TestStorage(azurite).Connection, Name).ReceiveAsync(1, Lease, Cancel));

        Assert.Equal("Receiving from queue completion-requests failed: 404 QueueNotFound", error.Message);
    }

    private async Task<(TestStorage Storage, JobQueue Queue)> NewQueueAsync(int maxDequeueCount = JobQueue.DefaultMaxDequeueCount)
    {
        var storage = new TestStorage(azurite);
        await StorageProvisioning.EnsureCreatedAsync(storage.Connection, Cancel);
        return (storage, new JobQueue(storage.Connection, Name, maxDequeueCount));
    }

    private static async Task<QueueMessage> SendAndTakeAsHostAsync(JobQueue queue, QueueClient host)
    {
        await queue.SendAsync("{}"u8.ToArray(), TimeSpan.Zero, Cancel);
        return (await host.ReceiveMessageAsync(TimeSpan.FromMinutes(10), Cancel)).Value;
    }

    private static async Task<QueueLease> SendAndTakeAsync(JobQueue queue, string text = "{}")
    {
        await queue.SendAsync(Encoding.UTF8.GetBytes(text), TimeSpan.Zero, Cancel);
        return Assert.Single(await queue.ReceiveAsync(1, Lease, Cancel));
    }

    /// <summary>Ends a lease behind its back, as its running out would.</summary>
    private static async Task MakeVisibleAsync(TestStorage storage, QueueLease lease) => await new QueueClient(storage.ConnectionString, Name)
        .UpdateMessageAsync(lease.MessageId, lease.Receipt, (string?)null, TimeSpan.Zero, Cancel);

    private static async Task<int> CountAsync(TestStorage storage, string queue) =>
        (await new QueueClient(storage.ConnectionString, queue).GetPropertiesAsync(Cancel)).Value.ApproximateMessagesCount;
}
