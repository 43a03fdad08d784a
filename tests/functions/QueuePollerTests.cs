using System.Text.Json;
using Azure.Storage.Queues;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Gemma2.Storage;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gemma2.Functions.Tests;

/// <summary>The app without a Functions host: it polls the queue of a real Azurite itself, by the host's rules.</summary>
public sealed class QueuePollerTests(AzuriteFixture azurite)
{
    private const string Poison = StorageNames.CompletionRequests + StorageNames.PoisonSuffix;
    private const string Chat = """{"messages":[{"role":"user","content":"Hi"}]}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Poll_Jobs_AreWorkedOnAndDeleted()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        string[] ids = [.. Enumerable.Range(0, 10).Select(i => $"job-{i}")];
        foreach (string id in ids)
            await account.SubmitAsync(id, Chat);
        await account.SubmitAsync("bad", """{"prompt":""}""");
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        foreach (string id in ids)
            Assert.Equal("succeeded", Status(await account.WaitForResultAsync(id)));
        Assert.Equal("failed", Status(await account.WaitForResultAsync("bad")));
        await account.WaitForEmptyQueueAsync();
        Assert.Equal(0, await account.CountAsync(Poison));
    }

    [Fact]
    public async Task Poll_SameMessageTwice_GivesOneResult()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("twin", Chat);
        await account.SubmitAsync("twin", Chat);
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        await account.WaitForResultAsync("twin");
        await account.WaitForEmptyQueueAsync();
        Assert.Equal((1, 0), (await account.CountResultsAsync(), await account.CountAsync(Poison)));
    }

    [Fact]
    public async Task Poll_MalformedMessage_BecomesADeadLetterAtItsFirstTry()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.Messages.SendAsync("no job"u8.ToArray(), TimeSpan.Zero, Cancellation);
        await using TestApp app = await StartAsync(account, new ScriptedEngine(Vocabulary.Tokenizer));

        JsonElement letter = (await account.WaitForBlobsAsync(StorageNames.DeadLetters)).Single();
        Assert.Equal(("no job", StorageNames.CompletionRequests), (letter.GetProperty("body").GetString(), letter.GetProperty("queue").GetString()));
        await account.WaitForEmptyQueueAsync();
        await account.WaitForEmptyQueueAsync(Poison);
        Assert.Equal(0, await account.CountResultsAsync());
    }

    [Fact]
    public async Task Poll_BeforeTheModelIsLoaded_TakesNoMessage()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("early", Chat);
        var loader = new GatedLoader(new ScriptedEngine(Vocabulary.Tokenizer));
        await using TestApp app = await TestApp.StartLoadingAsync(loader, account.Setting);
        await loader.Begun;

        // Nobody has it: another worker can take it, and gives it back.
        var lease = (await account.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancellation)).Single();
        Assert.Equal(1, lease.DequeueCount);
        await lease.RenewAsync(TimeSpan.Zero, Cancellation);
        loader.Open();

        Assert.Equal("succeeded", Status(await account.WaitForResultAsync("early")));
    }

    [Fact]
    public async Task Poll_MoreJobsThanSequences_TakesOnlyAsManyAsItCanWorkOn()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        var gate = new TaskCompletionSource();
        var two = new CountdownEvent(2);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                two.Signal();
                return gate.Task.WaitAsync(token);
            },
        };
        for (int i = 0; i < 3; i++)
            await account.SubmitAsync($"job-{i}", Chat);
        await using TestApp app = await StartAsync(account, engine, "Gemma2:JobsAtOnce=2");

        await Task.Run(() => two.Wait(Cancellation), Cancellation);
        var left = (await account.Messages.ReceiveAsync(32, TimeSpan.FromMinutes(1), Cancellation)).Single();
        await left.RenewAsync(TimeSpan.Zero, Cancellation);
        two.Reset(1);
        gate.SetResult();

        for (int i = 0; i < 3; i++)
            await account.WaitForResultAsync($"job-{i}");
    }

    [Fact]
    public async Task Poll_DeviceLost_StopsTheAppAndKeepsTheMessage()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("unlucky", Chat);
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new DeviceException("The device was lost.") };
        await using TestApp app = await StartAsync(account, engine);

        await app.App.WaitForShutdownAsync(Cancellation);

        Assert.NotEqual(0, app.App.Services.GetRequiredService<FatalStop>().ExitCode);
        Assert.Equal((1, 0), (await account.CountAsync(StorageNames.CompletionRequests), await account.CountResultsAsync()));
    }

    [Fact]
    public async Task Stop_JobThatDoesNotEnd_IsGivenBackWithAllItsTries()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("slow", Chat);
        var begun = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                begun.TrySetResult();
                return Task.Delay(Timeout.Infinite, token);
            },
        };
        await using TestApp app = await StartAsync(account, engine);
        await begun.Task.WaitAsync(Cancellation);

        await app.App.StopAsync(new CancellationToken(canceled: true));

        var lease = (await account.Messages.ReceiveAsync(1, TimeSpan.FromMinutes(1), Cancellation)).Single();
        Assert.Equal(1, lease.DequeueCount);
    }

    [Fact]
    public async Task Poll_LeaseLost_GivesTheWorkUp()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await account.SubmitAsync("lost", Chat);
        var begun = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = token =>
            {
                begun.TrySetResult();
                return Task.Delay(Timeout.Infinite, token);
            },
        };
        await using TestApp app = await StartAsync(account, engine, "Gemma2:QueueLeaseSeconds=5");
        await begun.Task.WaitAsync(Cancellation);

        // To the worker it looks as if another had taken the message and finished it.
        await new QueueClient(account.ConnectionString, StorageNames.CompletionRequests).ClearMessagesAsync(Cancellation);

        await engine.Cancelled.WaitAsync(Cancellation);
        while ((await account.Work.TryReadStateAsync(new OwnedId(null, "lost"), Cancellation))!.OpenAttempts > 0)
            await Task.Delay(20, Cancellation);
        Assert.Equal((0, 0), (await account.CountAsync(StorageNames.CompletionRequests), await account.CountResultsAsync()));
    }

    private static Task<TestApp> StartAsync(StorageAccount account, ScriptedEngine engine, params string[] settings) =>
        TestApp.StartAsync(engine, [account.Setting, .. settings]);

    private static string? Status(JsonElement result) => result.GetProperty("status").GetString();

    private sealed class GatedLoader(IInferenceEngine engine) : IEngineLoader
    {
        private readonly TaskCompletionSource _begun = new();
        private readonly TaskCompletionSource _open = new();

        public Task Begun => _begun.Task;

        public void Open() => _open.SetResult();

        public async Task<IInferenceEngine> LoadAsync(IProgress<LoadProgress> progress, CancellationToken cancellationToken)
        {
            _begun.SetResult();
            await _open.Task.WaitAsync(cancellationToken);
            return engine;
        }
    }
}
