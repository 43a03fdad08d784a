using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Service.Api;
using Gemma2.Service.Queue;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>Messages and files that no honest client makes: each message ends as work that is done, a failed result or a dead letter, each line has one result.</summary>
public sealed class HostileQueueTests(AzuriteFixture azurite)
{
    private const int Seed = 5;
    private const int MessagesEach = 60;
    private const int LinesAFile = 60;

    private const string JobMessage = """{"id":"job-1","owner":"ann","model":"scripted","request":{"prompt":"Hi","max_tokens":4},"callbackUrl":"https://example.com/","retries":1}""";
    private const string BatchMessage = """{"batch":"batch_1","owner":"ann","chunk":{"index":1,"offset":0,"length":10,"first_line":1,"lines":1,"duplicates":[1]},"retries":1}""";
    private const string Line = """{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"scripted","prompt":"Hi","max_tokens":4,"stop":["x"]}}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(StorageNames.CompletionRequests, JobMessage)]
    [InlineData(StorageNames.BatchRequests, BatchMessage)]
    public async Task Deliver_HostileMessages_EachIsDoneWithOrBecomesADeadLetter(string queue, string honest)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, TestApp.WithoutPollers);
        int poisoned = 0;
        // A queue's messages are text: bytes that are none cannot come.
        foreach (string message in new HostileJson(Seed).Create(honest, MessagesEach).Select(Encoding.UTF8.GetString).Where(text => text.Length < 64 * 1024))
        {
            if (await DeliverAsync(app, queue, message))
                continue;
            poisoned++;
            Assert.True(await DeliverAsync(app, queue + StorageNames.PoisonSuffix, message), $"The poison queue's handler cannot end with {Shown(message)}");
        }

        Assert.InRange(poisoned, 1, MessagesEach);
        // The same text is the same letter; these messages have no ids.
        Assert.InRange((await account.BlobsAsync(StorageNames.DeadLetters)).Count, 1, poisoned);
        using HttpResponseMessage alive = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
    }

    [Fact]
    public async Task Run_HostileFiles_EachLineHasOneResult()
    {
        string connectionString = azurite.NewConnectionString();
        StorageAccount account = await StorageAccount.CreateAsync(connectionString);
        StorageConnection storage = StorageConnection.FromSettings(_ => connectionString);
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        var batches = new Dictionary<string, OwnedId>();
        foreach ((string what, byte[] content) in Files())
        {
            var file = new OwnedId(null, FileStore.NewId());
            await new FileStore(storage).UploadAsync(file, what, FileStore.BatchPurpose, new MemoryStream(content), null, Cancellation);
            batches[what] = (await new BatchStore(storage).CreateAsync(new NewBatch(null, "/v1/completions", file.Id), Cancellation)).Key;
        }
        foreach ((string what, OwnedId key) in batches)
        {
            BatchRecord batch = await WaitAsync(storage, key);

            Assert.True(batch.Status is BatchStatus.Completed or BatchStatus.Failed, $"{what}: {batch.Status}");
            Assert.True(batch.Counts.Total == batch.Counts.Completed + batch.Counts.Failed, $"{what}: {batch.Counts}");
            Assert.True(batch.Status == BatchStatus.Completed || batch.Errors.Count > 0, $"{what} failed without a reason.");
            Assert.Equal(batch.Counts.Completed, await CountLinesAsync(storage, batch.OutputFileId));
            if (batch.Status == BatchStatus.Completed)
                Assert.Equal(batch.Counts.Failed, await CountLinesAsync(storage, batch.ErrorFileId));
        }
        using HttpResponseMessage alive = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
    }

    private static IEnumerable<(string What, byte[] Content)> Files()
    {
        byte[] newline = "\n"u8.ToArray();
        byte[] honest = [.. Encoding.UTF8.GetBytes(Line), .. newline];
        byte[] hostile = [.. new HostileJson(Seed).Create(Line, LinesAFile).SelectMany(line => line.Concat(newline))];
        yield return ("hostile lines", hostile);
        yield return ("hostile lines around an honest one", [.. hostile, .. honest, .. hostile]);
        yield return ("a mark and an honest line", [.. Encoding.UTF8.Preamble, .. honest]);
        yield return ("UTF-16", Encoding.Unicode.GetBytes(Line + "\n" + Line));
        yield return ("carriage returns alone", Encoding.UTF8.GetBytes(Line + "\r" + Line + "\r"));
        yield return ("other line separators", Encoding.UTF8.GetBytes(Line + "\u2028" + Line + "\u0085" + Line));
        yield return ("newlines alone", Encoding.UTF8.GetBytes(new string('\n', 10_000)));
        yield return ("one newline", newline);
        yield return ("one byte", [0x7b]);
        yield return ("zeros", new byte[100_000]);
        yield return ("random bytes", RandomNumberGenerator.GetBytes(100_000));
        yield return ("compressed", Compressed(honest));
        yield return ("a line of 3 MB between honest ones", [.. honest, .. Encoding.UTF8.GetBytes(new string('a', 3 << 20)), .. newline, .. honest]);
        yield return ("a line of 3 MB that does not end", [.. honest, .. Encoding.UTF8.GetBytes(new string(' ', 3 << 20))]);
        yield return ("an array of lines", Encoding.UTF8.GetBytes($"[{Line},\n{Line}]"));
        yield return ("two documents in a line", Encoding.UTF8.GetBytes($"{Line}{Line}\n"));
        yield return ("the same name a thousand times", [.. Enumerable.Repeat(honest, 1000).SelectMany(line => line)]);
    }

    private static byte[] Compressed(byte[] content)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal))
            gzip.Write(content);
        return bytes.ToArray();
    }

    /// <summary>True where the message is done with; false where it is tried again and in the end moved to the poison queue.</summary>
    private static async Task<bool> DeliverAsync(TestApp app, string queue, string message)
    {
        IServiceProvider services = app.App.Services;
        IQueueHandler handler = services.GetServices<IQueueHandler>().Single(handler => handler.Queue.Name == queue);
        try
        {
            await services.GetRequiredService<QueueDispatcher>().DispatchAsync(handler, new QueueDelivery(message, 5), Cancellation);
            return true;
        }
        catch (Exception error)
        {
            ApiError told = services.GetRequiredService<ErrorReporter>().Report(error);
            Assert.NotEqual("", told.Message);
            // A message of strangers is never a defect of the app's own.
            Assert.IsAssignableFrom<Gemma2Exception>(error);
            return false;
        }
    }

    private static async Task<BatchRecord> WaitAsync(StorageConnection storage, OwnedId key)
    {
        while (true)
        {
            if (await new BatchStore(storage).TryReadAsync(key, Cancellation) is { HasEnded: true } batch)
                return batch;
            await Task.Delay(50, Cancellation);
        }
    }

    private static async Task<long> CountLinesAsync(StorageConnection storage, string? file)
    {
        if (file is null)
            return 0;
        await using Stream stream = (await new FileStore(storage).TryOpenReadAsync(new OwnedId(null, file), 0, null, Cancellation))!;
        using var reader = new StreamReader(stream);
        long lines = 0;
        while (await reader.ReadLineAsync(Cancellation) is { } line)
        {
            _ = JsonElement.Parse(line).GetProperty("id").GetString();
            lines++;
        }
        return lines;
    }

    private static string Shown(string message) => message.Length > 200 ? message[..200] : message;
}
