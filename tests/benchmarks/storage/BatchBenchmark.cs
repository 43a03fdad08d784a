using System.Globalization;
using System.Text;
using Gemma2.Backend.Text;
using Gemma2.Functions;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Service.Model;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Benchmarks.Storage;

/// <summary>A batch of many lines through the real app with an engine that takes no time: split, run, put together.</summary>
internal sealed class BatchBenchmark(string connectionString, string tokenizerFile, int lines)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly StorageConnection _storage = StorageConnection.FromSettings(_ => connectionString);

    /// <summary>Runs the batch; gives its phases and how long its input and output are, in bytes.</summary>
    public async Task<(IReadOnlyList<Phase> Phases, long InputBytes, long OutputBytes)> RunAsync()
    {
        await using WebApplication app = StartApp();
        await app.StartAsync();
        await app.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(default);
        byte[] input = CreateInput();
        var files = new FileStore(_storage);
        var file = new OwnedId(null, FileStore.NewId());
        Phase upload = await Phase.MeasureAsync(
            "upload", () => files.UploadAsync(file, "input.jsonl", FileStore.BatchPurpose, new MemoryStream(input), null, default));
        BatchRecord batch = await new BatchStore(_storage).CreateAsync(new NewBatch(null, "/v1/completions", file.Id), default);
        Phase[] phases =
        [
            upload,
            await Phase.MeasureAsync("split", () => WaitAsync(batch.Key, record => record.Status != BatchStatus.Validating)),
            await Phase.MeasureAsync("run", () => WaitAsync(batch.Key, record => record.Status != BatchStatus.InProgress)),
            await Phase.MeasureAsync("assemble", () => WaitAsync(batch.Key, record => record.HasEnded)),
        ];
        BatchRecord ended = (await new BatchStore(_storage).TryReadAsync(batch.Key, default))!;
        if (ended.Counts != new BatchCounts(lines, lines, 0)) throw new InvalidOperationException($"The batch ended as {ended.Status} with {ended.Counts}.");
        StoredFile output = (await files.TryGetAsync(new OwnedId(null, ended.OutputFileId!), default))!;
        await app.StopAsync();
        return (phases, input.Length, output.Bytes);
    }

    private WebApplication StartApp()
    {
        using FileStream file = File.OpenRead(tokenizerFile);
        GemmaTokenizer tokenizer = GemmaTokenizer.Load(file, tokenizerFile);
        string[] settings =
            [$"--AzureWebJobsStorage={connectionString}", $"--Gemma2:Model={NullEngine.Name}", "--Gemma2:AllowAnonymous=true", "--urls=http://127.0.0.1:0"];
        return StandaloneHost.Build(settings, services =>
        {
            services.AddSingleton<IEngineLoader>(new NullEngine(tokenizer));
            services.AddLogging(logging => logging.ClearProviders());
        });
    }

    private byte[] CreateInput()
    {
        var text = new StringBuilder();
        for (int line = 0; line < lines; line++)
        {
            string body = $$$"""{"model":"{{{NullEngine.Name}}}","prompt":"Say hello to number {{{line}}}.","max_tokens":8}""";
            text.Append(CultureInfo.InvariantCulture, $$$"""{"custom_id":"request-{{{line}}}","method":"POST","url":"/v1/completions","body":{{{body}}}}""");
            text.Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private async Task WaitAsync(OwnedId batch, Func<BatchRecord, bool> reached)
    {
        var work = new BatchWork(_storage, TimeSpan.FromMinutes(1));
        while (await work.TryReadAsync(batch, default) is { } record && !reached(record)) await Task.Delay(Look);
    }
}
