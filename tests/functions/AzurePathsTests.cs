using System.Net;
using System.Text.Json;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests;

/// <summary>The API as Azure's clients ask for it: their paths, their errors.</summary>
public sealed class AzurePathsTests(AzuriteFixture azurite)
{
    private const string Chat = """ "messages":[{"role":"user","content":"Hi"}]} """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/openai/deployments/scripted/chat/completions?api-version=2024-10-21", "{" + Chat)]
    [InlineData("/openai/deployments/scripted/chat/completions", """{"model":"gpt-4o",""" + Chat)]
    [InlineData("/OpenAI/Deployments/scripted/Chat/Completions?api-version=any", """{"model":5,""" + Chat)]
    [InlineData("/openai/deployments/scripted/completions?api-version=2024-10-21", """{"prompt":"Hi"}""")]
    [InlineData("/openai/v1/chat/completions", """{"model":"scripted",""" + Chat)]
    [InlineData("/openai/v1/chat/completions?api-version=preview", """{"model":"scripted",""" + Chat)]
    [InlineData("/openai/v1/completions", """{"model":"scripted","prompt":"Hi"}""")]
    public async Task Post_OnAzuresPaths_IsAnsweredByTheServedModel(string path, string body)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync(path, body);

        JsonElement answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("scripted", answer.GetProperty("model").GetString());
        Assert.Single(answer.GetProperty("choices").EnumerateArray());
        Assert.NotEmpty(response.Headers.GetValues("apim-request-id").Single());
    }

    [Theory]
    [InlineData("/openai/v1/models")]
    [InlineData("/openai/models?api-version=2024-10-21")]
    public async Task Get_Models_AreListed(string path)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        JsonElement models = JsonElement.Parse(await app.Client.GetStringAsync(path, Cancellation));
        Assert.Equal("scripted", models.GetProperty("data")[0].GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("/openai/deployments/gpt-4o/chat/completions", "{" + Chat, 404, "DeploymentNotFound", "model")]
    [InlineData("/openai/deployments/gpt%204%2Fo/completions", """{"model":"scripted","prompt":"Hi"}""", 404, "DeploymentNotFound", "model")]
    [InlineData("/openai/v1/chat/completions", """{"model":"gpt-4o",""" + Chat, 404, "DeploymentNotFound", "model")]
    [InlineData("/openai/v1/chat/completions", "{" + Chat, 400, "missing_required_parameter", "model")]
    [InlineData("/openai/deployments/scripted/chat/completions", """{"top_k":-5,""" + Chat, 400, "integer_below_min_value", "top_k")]
    [InlineData("/openai/deployments/scripted/chat/completions", "no JSON", 400, "400", null)]
    [InlineData("/openai/deployments/scripted/files", "{}", 404, "404", null)]
    [InlineData("/openai/deployments/scripted", "{}", 404, "404", null)]
    [InlineData("/openai/deployments/", "{}", 404, "404", null)]
    [InlineData("/openai/deployments//chat/completions", "{" + Chat, 404, "DeploymentNotFound", "model")]
    [InlineData("/openai/nothing", "{}", 404, "404", null)]
    [InlineData("/openai", "{}", 404, "404", null)]
    [InlineData("/openai/models", "{}", 405, "method_not_allowed", null)]
    public async Task Post_WhatIsWrong_GetsAzuresError(string path, string body, int status, string code, string? parameter)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        using HttpResponseMessage response = await app.PostAsync(path, body);

        await AssertErrorAsync(response, status, code, parameter);
    }

    [Fact]
    public async Task Post_UnknownPath_IsToldAsItWasSent()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync("/openai/nothing?api-version=1", "{}");
        Assert.Contains("POST /openai/nothing.", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("api-key", "first-key-0123456", true)]
    [InlineData("Authorization", "Bearer first-key-0123456", true)]
    [InlineData("api-key", "wrong", false)]
    [InlineData("other", "first-key-0123456", false)]
    public async Task Post_WithKeys_NeedsOne(string header, string key, bool isRight)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:ApiKeys=first-key-0123456");
        app.Client.DefaultRequestHeaders.Add(header, key);

        using HttpResponseMessage response = await app.PostAsync("/openai/deployments/scripted/completions", """{"prompt":"Hi"}""");

        if (isRight)
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else
            await AssertErrorAsync(response, 401, "401", null);
    }

    [Fact]
    public async Task Post_OverTheLimit_GetsAzuresError()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:RequestsPerMinute=1");
        using HttpResponseMessage first = await app.PostAsync("/openai/deployments/scripted/completions", """{"prompt":"Hi"}""");
        using HttpResponseMessage second = await app.PostAsync("/openai/deployments/scripted/completions", """{"prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        await AssertErrorAsync(second, 429, "429", null);
        Assert.NotNull(second.Headers.RetryAfter);
    }

    [Theory]
    [InlineData("/openai")]
    [InlineData("/openai/v1")]
    public async Task FilesAndBatches_OnAzuresPaths_AreThere(string root)
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting, TestApp.WithoutPollers);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent("""{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"scripted","prompt":"Hi"}}"""u8.ToArray()), "file", "lines.jsonl" },
        };
        using HttpResponseMessage uploaded = await app.Client.PostAsync($"{root}/files?api-version=2024-10-21", form, Cancellation);
        string file = JsonElement.Parse(await uploaded.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;

        using HttpResponseMessage created = await app.PostAsync($"{root}/batches", $$"""{"input_file_id":"{{file}}","endpoint":"/v1/completions","completion_window":"24h"}""");

        string batch = JsonElement.Parse(await created.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;
        Assert.Contains(batch, await app.Client.GetStringAsync($"{root}/batches", Cancellation), StringComparison.Ordinal);
        Assert.Contains("custom_id", await app.Client.GetStringAsync($"{root}/files/{file}/content", Cancellation), StringComparison.Ordinal);
        using HttpResponseMessage cancelled = await app.PostAsync($"{root}/batches/{batch}/cancel", "");
        Assert.Equal(HttpStatusCode.OK, cancelled.StatusCode);
        using HttpResponseMessage missing = await app.Client.GetAsync($"{root}/files/file-0", Cancellation);
        await AssertErrorAsync(missing, 404, "not_found", "id");
    }

    private static async Task AssertErrorAsync(HttpResponseMessage response, int status, string code, string? parameter)
    {
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode}: {body}");
        JsonElement error = JsonElement.Parse(body).GetProperty("error");
        Assert.Equal(["code", "message", "type", "param"], error.EnumerateObject().Select(field => field.Name));
        Assert.Equal((code, parameter), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
    }
}
