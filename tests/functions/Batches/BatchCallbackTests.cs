using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Functions.Tests.Jobs;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Who waits for a batch is told of its end, at least once, whichever way it ended and whoever is in the way.</summary>
public sealed class BatchCallbackTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task End_OfABatchWithACallback_IsToldSignedAndOnce()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        BatchAccount account = await NewAccountAsync();
        BatchRig rig = await NewRigAsync(account);
        BatchRecord batch = await OrderAsync(account, receiver, BatchAccount.Line("a"), BatchAccount.Line("b", more: ",\"max_tokens\":500"));

        await rig.DrainAsync();
        // Another message of it, of whichever kind, tells nobody again.
        await rig.Handler.HandleAsync(Delivery(new BatchMessage(batch.Key)), Cancel);

        BatchRecord ended = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        CallbackReceiver.Received told = Assert.Single(receiver.Requests);
        JsonElement e = JsonElement.Parse(told.Body);
        Assert.Equal(["id", "object", "created_at", "type", "data"], e.EnumerateObject().Select(field => field.Name));
        Assert.StartsWith("evt_", e.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal(("event", "batch.completed"), (e.GetProperty("object").GetString(), e.GetProperty("type").GetString()));
        Assert.Equal(ended.CompletedAt!.Value.ToUnixTimeSeconds(), e.GetProperty("created_at").GetInt64());
        Assert.Equal($$"""{"id":"{{batch.Key.Id}}"}""", e.GetProperty("data").GetRawText());
        // As the receivers' libraries check it: Standard Webhooks 1.0.0.
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{told.Headers["webhook-id"]}.{told.Headers["webhook-timestamp"]}."), .. told.Body];
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData("012345678901234567890123"u8, signed))}", told.Headers["webhook-signature"]);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(told.Headers["webhook-timestamp"], CultureInfo.InvariantCulture), -1, 60);
        Assert.Equal(("delivered", 1), (ended.CallbackOutcome, ended.CallbackTries));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("cancelled")]
    [InlineData("expired")]
    public async Task End_OfEachKind_HasItsEvent(string end)
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        BatchAccount account = await NewAccountAsync();
        // The server's own setting, where the batch names nobody.
        BatchRig rig = await NewRigAsync(account, options => options with { BatchWebhook = new Uri(receiver.Url("/all")) });
        BatchRecord batch = await account.StartAsync(null, end == "failed" ? "bad" : BatchAccount.Line("a"));
        if (end == "cancelled")
            await account.Store.CancelAsync(batch.Key, Cancel);
        if (end == "expired")
            await new BatchRecords(account.Connection).UpdateAsync(batch.Key, record => record.ExpiresAt == record.CreatedAt ? record : record with { ExpiresAt = record.CreatedAt }, Cancel);

        await rig.DrainAsync();

        CallbackReceiver.Received told = Assert.Single(receiver.Requests);
        Assert.Equal(("/all", $"batch.{end}"), (told.Path, JsonElement.Parse(told.Body).GetProperty("type").GetString()));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task Receiver_Fails_IsToldAgainUnderTheSameIds()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync(500, 302);
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await OrderAsync(account, receiver, BatchAccount.Line("a"));

        await (await NewRigAsync(account)).DrainAsync();

        Assert.Equal(3, receiver.Requests.Count);
        Assert.Single(receiver.Requests.Select(request => (request.Headers["webhook-id"], Encoding.UTF8.GetString(request.Body))).Distinct());
        Assert.Equal(("delivered", 3), await CallbackAsync(account, batch));
    }

    [Fact]
    public async Task Receiver_FailsAlways_IsGivenUp()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync([.. Enumerable.Repeat(503, 20)]);
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await OrderAsync(account, receiver, BatchAccount.Line("a"));

        await (await NewRigAsync(account)).DrainAsync();

        Assert.Equal(8, receiver.Requests.Count);
        Assert.Equal(("the receiver answered 503", 8), await CallbackAsync(account, batch));
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task Worker_DiedBetweenTheEndAndTheCall_IsFoundByTheMarker()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        BatchAccount account = await NewAccountAsync();
        BatchRig rig = await NewRigAsync(account);
        BatchRecord batch = await OrderAsync(account, receiver, "bad");
        foreach (Storage.Jobs.QueueLease lost in await rig.Work.Messages.ReceiveAsync(32, TimeSpan.FromHours(1), Cancel))
            await lost.CompleteAsync(Cancel);
        await rig.Work.FailAsync(batch.Key, 1, [], Cancel);
        Assert.Contains($"_active/{batch.Key}", await account.NamesAsync(StorageNames.Batches));
        // To this sweep a batch has been quiet for long; to one with a real lease it has not.
        await new BatchSweep(account.Connection, rig.Work, TimeSpan.FromMinutes(1)).RunAsync((_, error) => throw error, Cancel);
        await rig.DrainAsync();
        Assert.Empty(receiver.Requests);

        await new BatchSweep(account.Connection, rig.Work, TimeSpan.FromSeconds(-2)).RunAsync((_, error) => throw error, Cancel);
        await rig.DrainAsync();

        Assert.Single(receiver.Requests);
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task HostThatIsNotAllowed_IsNotTold()
    {
        BatchAccount account = await NewAccountAsync();
        BatchRecord batch = await account.OrderAsync(new NewBatch(null, BatchAccount.Endpoint, "", CallbackUrl: new Uri("https://evil.test/")), BatchAccount.Line("a"));

        await (await NewRigAsync(account)).DrainAsync();

        Assert.Contains("not among", (await CallbackAsync(account, batch)).Outcome, StringComparison.Ordinal);
        Assert.Equal([$"{batch.Key}/batch.json"], await account.NamesAsync(StorageNames.Batches));
    }

    [Fact]
    public async Task Price_OfTheServer_GivesTheBatchItsCost()
    {
        BatchAccount account = await NewAccountAsync();
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, "Gemma2:Prices=0.5/1.25 EUR");

        BatchRecord ended = await account.WaitForEndAsync(await account.StartAsync(null, BatchAccount.Line("a"), BatchAccount.Line("b")));

        JsonElement cost = JsonElement.Parse(await app.Client.GetStringAsync($"/v1/batches/{ended.Key.Id}", Cancel)).GetProperty("cost");
        Assert.True(ended.Usage is { InputTokens: > 0, OutputTokens: > 0 });
        Assert.Equal("EUR", cost.GetProperty("currency").GetString());
        Assert.Equal(ended.Usage.InputTokens * 0.5m / 1_000_000, cost.GetProperty("input").GetDecimal());
        Assert.Equal(ended.Usage.OutputTokens * 1.25m / 1_000_000, cost.GetProperty("output").GetDecimal());
        Assert.Equal(cost.GetProperty("input").GetDecimal() + cost.GetProperty("output").GetDecimal(), cost.GetProperty("total").GetDecimal());
    }

    private static QueueDelivery Delivery(BatchMessage message) => new(Encoding.UTF8.GetString(message.ToJson()), 1);

    private static Task<BatchRecord> OrderAsync(BatchAccount account, CallbackReceiver receiver, params IEnumerable<string> lines) =>
        account.OrderAsync(new NewBatch(null, BatchAccount.Endpoint, "", CallbackUrl: new Uri(receiver.Url())), lines);

    private static async Task<(string? Outcome, int Tries)> CallbackAsync(BatchAccount account, BatchRecord batch)
    {
        BatchRecord now = (await account.Store.TryReadAsync(batch.Key, Cancel))!;
        return (now.CallbackOutcome, now.CallbackTries);
    }

    private static Task<BatchRig> NewRigAsync(BatchAccount account, Func<Gemma2Options, Gemma2Options>? more = null) => BatchRig.CreateAsync(
        account,
        new ScriptedEngine(Vocabulary.Tokenizer),
        configure: options =>
        {
            options = options with { CallbackHosts = ["*.example.com"], CallbackSecret = CallbackSecret.TryParse("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz") };
            return more?.Invoke(options) ?? options;
        });

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());
}
