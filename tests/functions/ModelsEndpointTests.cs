using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Gemma2.Functions.Tests;

/// <summary>What is told of the one model, and of what it cannot do.</summary>
public sealed class ModelsEndpointTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_List_TellsTheModelAndItsContext()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement list = JsonElement.Parse(await app.Client.GetStringAsync("/v1/models", Cancellation));

        Assert.Equal("list", list.GetProperty("object").GetString());
        JsonElement model = Assert.Single(list.GetProperty("data").EnumerateArray());
        Assert.Equal(["id", "object", "created", "owned_by", "context_length", "max_model_len"], model.EnumerateObject().Select(field => field.Name));
        Assert.Equal((ScriptedEngine.Name, "model", "local"), (model.GetProperty("id").GetString(), model.GetProperty("object").GetString(), model.GetProperty("owned_by").GetString()));
        Assert.Equal((engine.ContextLength, engine.ContextLength), (model.GetProperty("context_length").GetInt32(), model.GetProperty("max_model_len").GetInt32()));
        Assert.InRange(model.GetProperty("created").GetInt64(), 1_700_000_000, long.MaxValue);
        Assert.Equal(model.GetRawText(), await app.Client.GetStringAsync("/v1/models/" + ScriptedEngine.Name, Cancellation));
    }

    [Theory]
    [InlineData("google/gemma-2-2b-it", "google/gemma-2-2b-it")]
    [InlineData("google/gemma-2-2b-it", "google%2Fgemma-2-2b-it")]
    [InlineData("google/gemma-2-2b-it", "google%2fgemma-2-2b-it")]
    [InlineData("Gemma zwei ü", "Gemma%20zwei%20%C3%BC")]
    [InlineData("a+b:c@d", "a+b:c@d")]
    public async Task Get_ByName_HoweverItIsWritten(string name, string written)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { ModelName = name });
        string answer = await GetRawAsync(app, "/v1/models/" + written);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Equal(name, JsonElement.Parse(answer[answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)..]).GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("other")]
    [InlineData("scripted/other")]
    [InlineData("scripted%2F")]
    [InlineData("Scripted")]
    public async Task Get_UnknownName_IsNotFound(string name)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.Client.GetAsync("/v1/models/" + name, Cancellation);
        await ErrorShape.AssertAsync(response, 404, "model", "model_not_found");
    }

    [Theory]
    [InlineData("POST", "/v1/embeddings", "embeddings")]
    [InlineData("POST", "/v1/moderations", "moderations")]
    [InlineData("POST", "/v1/images/generations", "images")]
    [InlineData("POST", "/v1/audio/transcriptions", "audio")]
    [InlineData("POST", "/v1/audio/speech", "audio")]
    [InlineData("POST", "/v1/rerank", "reranking")]
    [InlineData("POST", "/v1/score", "scores")]
    [InlineData("POST", "/score", "scores")]
    [InlineData("GET", "/v1/fine_tuning/jobs", "fine-tuning")]
    [InlineData("DELETE", "/v1/assistants/asst_1", "assistants")]
    public async Task Send_ToWhatIsNotServed_IsRefusedByName(string method, string path, string named)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = new StringContent("""{"model":"scripted","input":"Hi"}""", Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);
        await ErrorShape.AssertAsync(response, 404, null, "unsupported_endpoint");
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains($"This server has no {named}", body, StringComparison.Ordinal);
        Assert.Contains("/v1/chat/completions", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_ToWhatIsNotServed_NeedsAKeyAsAllElse()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:ApiKeys=a=0123456789abcdef");
        using HttpResponseMessage response = await app.PostAsync("/v1/embeddings", "{}");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    /// <summary>Sends the path as it is: HttpClient would tidy it up.</summary>
    private static async Task<string> GetRawAsync(TestApp app, string path)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), Cancellation);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Cancellation);
    }
}
