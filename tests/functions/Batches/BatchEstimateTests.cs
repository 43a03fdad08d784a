using System.Text;
using System.Text.Json;
using Gemma2.Service.Batches;
using Gemma2.Storage;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;
using Gemma2.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>What a batch would take is what it takes.</summary>
public sealed class BatchEstimateTests(AzuriteFixture azurite)
{
    private static readonly string[] Input =
    [
        BatchAccount.Line("a", "Hello world", ",\"max_tokens\":20,\"n\":2"), BatchAccount.Line("b"), "", "bad", BatchAccount.Line("a"),
        BatchAccount.Line("long", more: ",\"max_tokens\":100000"), BatchAccount.Line("form", more: ",\"guided_regex\":\"(\""),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_File_TellsWhatTheBatchThenTakes()
    {
        BatchAccount account = await NewAccountAsync();
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, "Gemma2:Prices=1/2 USD");
        string file = await UploadAsync(account, Input);
        string order = $$"""{"input_file_id":"{{file}}","endpoint":"/chat/completions","completion_window":"1h"}""";

        using HttpResponseMessage response = await app.PostAsync("/v1/batches/estimate", order);
        JsonElement estimate = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancel));
        BatchRecord ended = await account.WaitForEndAsync(await account.Store.CreateAsync(new NewBatch(null, "/chat/completions", file), Cancel));

        Assert.Equal(
            [
                "object", "endpoint", "input_file_id", "completion_window", "lines", "bad_lines", "counted_lines", "errors", "prompt_tokens", "max_output_tokens",
                "tokens_ahead", "tokens_per_second", "expected_end_at", "expires_at", "fits_window", "cost",
            ],
            estimate.EnumerateObject().Select(field => field.Name));
        Assert.Equal((ended.Counts.Total, ended.Counts.Failed, ended.Counts.Total), (Number("lines"), Number("bad_lines"), Number("counted_lines")));
        Assert.Equal(ended.Usage.InputTokens, Number("prompt_tokens"));
        // Two answers of 20 tokens at most, and one up to the end of the context.
        long prompt = Vocabulary.Tokenizer.Encode("Hi").Length;
        Assert.InRange(Number("max_output_tokens") - 40, 512 - prompt - 20, 512 - prompt);
        Assert.Equal([4, 5, 6, 7], estimate.GetProperty("errors").GetProperty("data").EnumerateArray().Select(error => error.GetProperty("line").GetInt32()));
        Assert.Equal((0, true), (Number("tokens_ahead"), estimate.GetProperty("fits_window").GetBoolean()));
        Assert.True(Number("expected_end_at") <= Number("expires_at"));
        Assert.Equal((Number("prompt_tokens") + (2m * Number("max_output_tokens"))) / 1_000_000, estimate.GetProperty("cost").GetProperty("total").GetDecimal());
        // Nothing was made of it.
        Assert.Single(await account.NamesAsync(StorageNames.Batches));

        long Number(string name) => estimate.GetProperty(name).GetInt64();
    }

    [Fact]
    public async Task Run_MoreThanThereIsTimeFor_IsScaled()
    {
        BatchAccount account = await NewAccountAsync();
        var release = new TaskCompletionSource();
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = token => release.Task.WaitAsync(token) }, account.Setting);
        string file = await UploadAsync(account, Enumerable.Range(100, 200).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":100")));
        IServiceProvider services = app.App.Services;
        BatchRecord ahead = await account.StartAsync(null, BatchAccount.Line("ahead", more: ",\"max_tokens\":300"));
        await account.WaitAsync(ahead, now => now.Status == BatchStatus.InProgress);
        while ((await services.GetRequiredService<BatchWork>().Markers.TryReadAsync(ahead.Key, Cancel))!.Chunks == 0)
            await Task.Delay(20, Cancel);
        var estimator = services.GetRequiredService<BatchEstimator>();
        var order = new NewBatch(null, BatchAccount.Endpoint, file);

        BatchEstimate whole = await estimator.RunAsync(order, Cancel);
        estimator.TimeLimit = TimeSpan.Zero;
        BatchEstimate scaled = await estimator.RunAsync(order, Cancel);
        release.SetResult();

        Assert.Equal((200, 200, 20_000), (whole.Lines, whole.CountedLines, whole.MostUsage.OutputTokens));
        // All lines are of one length, so that one stands for all.
        Assert.Equal(1, scaled.CountedLines);
        Assert.Equal((whole.Lines, whole.MostUsage), (scaled.Lines, scaled.MostUsage));
        Assert.InRange(whole.TokensAhead, 300, 400);
        Assert.Equal(whole.Now + TimeSpan.FromSeconds((whole.TokensAhead + whole.ExpectedTokens) / whole.TokensPerSecond), whole.ExpectedEnd);
        await account.WaitAsync(ahead, now => now.HasEnded);
    }

    [Theory]
    [InlineData("input_file_id", """{"input_file_id":"file-none","endpoint":"/v1/completions","completion_window":"24h"}""")]
    [InlineData("endpoint", """{"input_file_id":"INPUT","endpoint":"/v1/embeddings","completion_window":"24h"}""")]
    [InlineData("completion_window", """{"input_file_id":"INPUT","endpoint":"/v1/completions","completion_window":"30m"}""")]
    public async Task Post_WrongBody_IsRefusedByName(string parameter, string body)
    {
        BatchAccount account = await NewAccountAsync();
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        string input = await UploadAsync(account, Input);

        using HttpResponseMessage response = await app.PostAsync("/v1/batches/estimate", body.Replace("INPUT", input, StringComparison.Ordinal));

        await ErrorShape.AssertAsync(response, 400, parameter, null);
    }

    private static async Task<string> UploadAsync(BatchAccount account, IEnumerable<string> lines)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
        return (await account.Files.UploadAsync(new OwnedId(null, FileStore.NewId()), "input.jsonl", FileStore.BatchPurpose, stream, null, Cancel)).Key.Id;
    }

    private Task<BatchAccount> NewAccountAsync() => BatchAccount.CreateAsync(azurite.NewConnectionString());
}
