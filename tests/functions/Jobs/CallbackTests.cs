using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Options;
using Gemma2.Service.Queue;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Jobs;

/// <summary>Who waits for a job is told of its end, whoever is in the way, and nobody else can be reached by it.</summary>
public sealed class CallbackTests(AzuriteFixture azurite)
{
    private const string Secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handle_JobWithACallback_IsToldSignedAndOnce()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        await using JobRig rig = await StartAsync($"Gemma2:CallbackSecret={Secret}");

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(Message("a", receiver)));
        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(Message("a", receiver), dequeueCount: 2));

        CallbackReceiver.Received request = receiver.Requests.Single();
        JsonElement job = JsonElement.Parse(request.Body);
        Assert.Equal(("/done", "a", "job", "succeeded"), (request.Path, job.GetProperty("id").GetString(), job.GetProperty("object").GetString(), job.GetProperty("status").GetString()));
        Assert.Equal("chat.completion", job.GetProperty("result").GetProperty("object").GetString());
        Assert.Equal("application/json", request.Headers["Content-Type"]);
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{request.Headers["webhook-id"]}.{request.Headers["webhook-timestamp"]}."), .. request.Body];
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData("012345678901234567890123"u8, signed))}", request.Headers["webhook-signature"]);
        Assert.Equal("delivered", (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.CallbackOutcome);
    }

    [Fact]
    public async Task Handle_ReceiverFails_IsToldAgainUnderTheSameId()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync(500, 302);
        await using JobRig rig = await StartAsync();

        QueueOutcome first = await rig.DeliverAsync(Message("a", receiver));
        QueueOutcome second = await rig.DeliverAsync(first);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(second));
        Assert.Equal(["/done", "/done", "/done"], receiver.Requests.Select(request => request.Path));
        Assert.Single(receiver.Requests.Select(request => request.Headers["webhook-id"]).Distinct());
        Assert.DoesNotContain("webhook-signature", receiver.Requests[0].Headers.Keys);
        Assert.Equal((JobStatus.Succeeded, 1), ((await rig.ReadAsync("a")).Status, (await rig.ReadAsync("a")).Attempts));
    }

    [Fact]
    public async Task Handle_ReceiverFailsAlways_IsGivenUp()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync([.. Enumerable.Repeat(503, 20)]);
        await using JobRig rig = await StartAsync();

        int deliveries = 1;
        QueueOutcome outcome = await rig.DeliverAsync(Message("a", receiver));
        for (; outcome is QueueOutcome.Replaced; deliveries++)
            outcome = await rig.DeliverAsync(outcome);

        Assert.Equal((8, 8), (deliveries, receiver.Requests.Count));
        Assert.Equal("the receiver answered 503", (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.CallbackOutcome);
    }

    [Fact]
    public async Task Handle_WorkerDiedBetweenResultAndCallback_TheNextTells()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        await using JobRig rig = await StartAsync();
        await rig.Account.Jobs.SubmitAsync(JobRig.Job("a") with { CallbackUrl = new Uri(receiver.Url()) }, Cancel);
        await rig.Account.Work.Results.WriteOnceAsync(JobRig.Key("a"), JobStatus.Failed, """{"id":"a","status":"failed","error":{"message":"No."}}"""u8.ToArray(), Cancel);

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync("""{"id":"a","requestBlob":"requests/a.json"}""", dequeueCount: 2));

        JsonElement job = JsonElement.Parse(receiver.Requests.Single().Body);
        Assert.Equal(("failed", "No."), (job.GetProperty("status").GetString(), job.GetProperty("error").GetProperty("message").GetString()));
    }

    [Fact]
    public async Task Handle_CancelledJob_IsTold()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        await using JobRig rig = await StartAsync();
        await rig.Account.Jobs.SubmitAsync(JobRig.Job("a") with { CallbackUrl = new Uri(receiver.Url()) }, Cancel);
        await rig.Account.Jobs.CancelAsync(JobRig.Key("a"), Cancel);

        await rig.DeliverAsync(Message("a", receiver));

        Assert.Equal("cancelled", JsonElement.Parse(receiver.Requests.Single().Body).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Handle_HostThatIsNotAllowed_IsNotTold()
    {
        await using JobRig rig = await StartAsync();

        Assert.Same(QueueOutcome.Done, await rig.DeliverAsync(JobRig.Message("a", more: ",\"callbackUrl\":\"https://evil.test/\"")));

        Assert.Contains("not among", (await rig.Account.Work.TryReadStateAsync(JobRig.Key("a"), Cancel))!.CallbackOutcome, StringComparison.Ordinal);
        Assert.Equal(JobStatus.Succeeded, (await rig.ReadAsync("a")).Status);
    }

    [Fact]
    public async Task Send_NameThatLeadsInside_IsNotDialled()
    {
        await using CallbackReceiver receiver = await CallbackReceiver.StartAsync();
        int lookups = 0;
        CallbackNetwork network = CallbackReceiver.Network with
        {
            IsAllowed = PublicAddresses.Contains,
            Resolve = (_, _) => Task.FromResult(lookups++ == 0 ? new[] { IPAddress.Loopback, IPAddress.Parse("::ffff:10.0.0.1") } : []),
        };
        using var sender = new CallbackSender(network, new Gemma2Options { Model = "x" });

        string? failure = await sender.SendAsync(
            new Uri(receiver.Url()), "msg_1", "{}"u8.ToArray(), Cancel);

        Assert.Equal(("the host has no public address", 1, 0), (failure, lookups, receiver.Requests.Count));
    }

    [Theory]
    [InlineData("93.184.215.14", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("0.0.0.0", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("100.127.255.255", false)]
    [InlineData("100.128.0.1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.255.255.254", false)]
    [InlineData("168.63.129.16", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.15.255.255", true)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("172.32.0.1", true)]
    [InlineData("192.168.0.1", false)]
    [InlineData("198.19.0.1", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:93.184.215.14", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("64:ff9b:1::a00:1", false)]
    [InlineData("2001:0:7f00:1::", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("fc00::1", false)]
    [InlineData("fd12:3456::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fec0::1", false)]
    [InlineData("ff02::1", false)]
    public void Contains_Address_IsPublicOrNot(string address, bool expected) => Assert.Equal(expected, PublicAddresses.Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("https://example.com/done")]
    [InlineData("https://EXAMPLE.com:8443/done?x=1")]
    [InlineData("https://a.example.org")]
    [InlineData("https://a.b.example.org")]
    public void Parse_AllowedAddress_IsTaken(string url) => Assert.Equal(new Uri(url), Rules("example.com", "*.example.org").Parse(url));

    [Theory]
    [InlineData("http://example.com/", "https")]
    [InlineData("ftp://example.com/", "https")]
    [InlineData("example.com/done", "absolute")]
    [InlineData("/done", "https")]
    [InlineData("", "absolute")]
    [InlineData("https://user:password@example.com/", "user name")]
    [InlineData("https://example.com@evil.test/", "user name")]
    [InlineData("https://evil.test/#@example.com", "host")]
    [InlineData("https://example.com.evil.test/", "host")]
    [InlineData("https://notexample.org/", "host")]
    [InlineData("https://example.org/", "host")]
    [InlineData("https://.example.org/", "")]
    [InlineData("https://127.0.0.1/", "host")]
    [InlineData("https://0x7f000001/", "host")]
    [InlineData("https://[::1]/", "host")]
    [InlineData("https://localhost/", "host")]
    public void Parse_OtherAddress_IsRefused(string url, string message)
    {
        var error = Assert.Throws<InvalidRequestException>(() => Rules("example.com", "*.example.org").Parse(url));

        Assert.Equal("callback_url", error.Parameter);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_NoHostsAllowed_SaysWhatToSet() =>
        Assert.Contains("Gemma2__CallbackHosts", Assert.Throws<InvalidRequestException>(() => Rules().Parse("https://example.com/")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData('x', 5000)]
    [InlineData('\u00fc', 400)]
    public void Parse_AddressTooLongForAMessage_IsRefused(char character, int count) =>
        Assert.Throws<InvalidRequestException>(() => Rules("example.com").Parse("https://example.com/" + new string(character, count)));

    private static CallbackRules Rules(params string[] hosts) => new(new Gemma2Options { Model = "x", CallbackHosts = hosts });

    private async Task<JobRig> StartAsync(params string[] settings) => await JobRig.StartAsync(
        await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer),
        services => services.AddSingleton(CallbackReceiver.Network), ["Gemma2:CallbackHosts=*.example.com", .. settings]);

    private static string Message(string id, CallbackReceiver receiver) => JobRig.Message(id, more: $",\"callbackUrl\":\"{receiver.Url()}\"");
}
