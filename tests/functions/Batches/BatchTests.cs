using System.Text.Json;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Batches;

/// <summary>Whole batches through the app, with a real Azurite.</summary>
public sealed class BatchTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("team-a")]
    public async Task Batch_GoodLines_AreAnsweredInOrder(string? owner)
    {
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);

        BatchRecord batch = await account.StartAsync(owner, Enumerable.Range(0, 100).Select(i => BatchAccount.Line($"line-{i}")));
        BatchRecord ended = await account.WaitForEndAsync(batch);

        Assert.Equal((BatchStatus.Completed, new BatchCounts(100, 100, 0)), (ended.Status, ended.Counts));
        Assert.NotNull(ended.InProgressAt);
        Assert.NotNull(ended.FinalizingAt);
        Assert.NotNull(ended.CompletedAt);
        Assert.Null(ended.ErrorFileId);
        IReadOnlyList<JsonElement> output = await account.ReadAsync(ended, ended.OutputFileId);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"line-{i}"), output.Select(line => line.GetProperty("custom_id").GetString()));
        JsonElement first = output[0];
        Assert.Equal(["id", "custom_id", "response", "error"], first.EnumerateObject().Select(field => field.Name));
        Assert.Equal(200, first.GetProperty("response").GetProperty("status_code").GetInt32());
        JsonElement body = first.GetProperty("response").GetProperty("body");
        Assert.Equal("Hello, world!", body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal(batch.CreatedAt.ToUnixTimeSeconds(), body.GetProperty("created").GetInt64());
        Assert.Equal(100 * body.GetProperty("usage").GetProperty("completion_tokens").GetInt64(), ended.Usage.OutputTokens);
        Assert.Equal(100 * body.GetProperty("usage").GetProperty("prompt_tokens").GetInt64(), ended.Usage.InputTokens);
    }
}
