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

    [Fact]
    public async Task Batch_OfResponses_HasResponsesAndErrorsOfThatApi()
    {
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        static string Line(string id, string more = "", string url = "/v1/responses") =>
            $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"{{{url}}}","body":{"model":"{{{ScriptedEngine.Name}}}","input":"Hi"{{{more}}}}}""";

        BatchRecord batch = await account.OrderAsync(
            new NewBatch(null, "/v1/responses", ""),
            Line("plain", ",\"instructions\":\"Be brief.\",\"metadata\":{\"a\":\"b\"}"), Line("same", url: "/responses"),
            Line("earlier", ",\"previous_response_id\":\"resp_1\""), Line("stream", ",\"stream\":true"));
        BatchRecord ended = await account.WaitForEndAsync(batch);

        Assert.Equal((BatchStatus.Completed, new BatchCounts(4, 2, 2)), (ended.Status, ended.Counts));
        IReadOnlyList<JsonElement> output = await account.ReadAsync(ended, ended.OutputFileId);
        Assert.Equal(["plain", "same"], output.Select(line => line.GetProperty("custom_id").GetString()));
        JsonElement body = output[0].GetProperty("response").GetProperty("body");
        Assert.Equal(("response", "completed", "Be brief."), (body.GetProperty("object").GetString(), body.GetProperty("status").GetString(), body.GetProperty("instructions").GetString()));
        Assert.Equal("Hello, world!", body.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(["previous_response_id", "stream"], (await account.ReadAsync(ended, ended.ErrorFileId)).Select(line => line.GetProperty("error").GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Batch_LinesOfManyKinds_HaveTheShapesOfTheApi()
    {
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);

        BatchRecord batch = await account.StartAsync(
            null,
            [
                BatchAccount.Line("several", more: ",\"n\":3,\"logprobs\":true,\"top_logprobs\":2"),
                BatchAccount.Line("form", more: ",\"guided_json\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"nonsense\"}}}"),
            ]);
        BatchRecord ended = await account.WaitForEndAsync(batch);

        Assert.Equal((BatchStatus.Completed, new BatchCounts(2, 1, 1)), (ended.Status, ended.Counts));
        JsonElement several = (await account.ReadAsync(ended, ended.OutputFileId)).Single().GetProperty("response").GetProperty("body");
        Assert.Equal([0, 1, 2], several.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.All(several.GetProperty("choices").EnumerateArray(), choice => Assert.NotEqual(0, choice.GetProperty("logprobs").GetProperty("content").GetArrayLength()));
        JsonElement form = (await account.ReadAsync(ended, ended.ErrorFileId)).Single();
        Assert.Equal(("form", 400), (form.GetProperty("custom_id").GetString(), form.GetProperty("response").GetProperty("status_code").GetInt32()));
        Assert.Equal("guided_json", form.GetProperty("response").GetProperty("body").GetProperty("error").GetProperty("param").GetString());
    }
}
