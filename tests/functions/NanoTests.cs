using System.ClientModel;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Gemma2.Storage.Jobs;
using Gemma2.Testing;
using OpenAI;
using OpenAI.Chat;

namespace Gemma2.Functions.Tests;

/// <summary>The published app with the embedded model on the Vulkan device that is there, as a process of its own.</summary>
public sealed class NanoTests(PublishedApp published, AzuriteFixture azurite)
{
    private const string Greedy = """{"model":"nano","messages":[{"role":"user","content":"What is the capital of France?"}],"temperature":0,"max_tokens":24}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SelfHosted_HttpAndQueue_GiveTheSameAnswer()
    {
        Machine.NeedsDevice();
        string connectionString = azurite.NewConnectionString();
        StorageAccount account = await StorageAccount.CreateAsync(connectionString);
        int port = TestApp.FreePort();
        using Process process = published.Start(Settings(connectionString, ("ASPNETCORE_URLS", $"http://127.0.0.1:{port}")));
        try
        {
            using HttpClient client = Client(port);
            await PublishedApp.WaitForModelAsync(client, process);

            string answer = await CompleteAsync(client);
            await account.SubmitAsync("nano-job", Greedy, model: "nano");
            JsonElement result = await account.WaitForResultAsync("nano-job");

            Assert.Equal("succeeded", result.GetProperty("status").GetString());
            Assert.Equal(answer, result.GetProperty("response").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
            await account.WaitForEmptyQueueAsync();
            Assert.Equal(answer, await StreamWithOpenAIClientAsync(port));
            Assert.Equal(0, await EndAsync(process));
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task Complete_SameSeed_GivesTheSameSample()
    {
        Machine.NeedsDevice();
        int port = TestApp.FreePort();
        using Process process = published.Start(Settings(null, ("ASPNETCORE_URLS", $"http://127.0.0.1:{port}")));
        try
        {
            using HttpClient client = Client(port);
            await PublishedApp.WaitForModelAsync(client, process);
            string[] same = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => CompleteAsync(client, Story(11))));

            Assert.Single(same.Distinct());
            Assert.NotEqual(same[0], await CompleteAsync(client, Story(12)));
        }
        finally
        {
            process.Kill();
        }
    }

    private static string Story(long seed) =>
        $$"""{"model":"nano","messages":[{"role":"user","content":"Tell me a story."}],"temperature":1.5,"max_tokens":40,"seed":{{seed}}}""";

    private static Dictionary<string, string> Settings(string? connectionString, params (string Name, string Value)[] more)
    {
        var settings = new Dictionary<string, string> { ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"), ["Gemma2__AllowSoftwareDevice"] = "true" };
        if (connectionString is not null)
            settings["AzureWebJobsStorage"] = connectionString;
        foreach ((string name, string value) in more)
            settings[name] = value;
        return settings;
    }

    private static HttpClient Client(int port) => new() { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(5) };

    private static OpenAIClient OpenAIClient(int port) => new(new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = new Uri($"http://127.0.0.1:{port}/v1") });

    private static async Task<string> CompleteAsync(HttpClient client, string request = Greedy)
    {
        using HttpResponseMessage response = await client.PostAsync("/v1/chat/completions", new StringContent(request, null, "application/json"), Cancellation);
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, body);
        string answer = JsonElement.Parse(body).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        Assert.NotEqual("", answer.Trim());
        return answer;
    }

    private static async Task<string> StreamWithOpenAIClientAsync(int port)
    {
        var text = new List<string>();
        await foreach (StreamingChatCompletionUpdate update in OpenAIClient(port).GetChatClient("nano").CompleteChatStreamingAsync(
            [new UserChatMessage("What is the capital of France?")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 24 }, Cancellation))
            text.AddRange(update.ContentUpdate.Select(part => part.Text));
        return string.Concat(text);
    }

    /// <summary>Ends the process as a container platform does.</summary>
    private static async Task<int> EndAsync(Process process)
    {
        Process.Start("kill", ["-TERM", $"{process.Id}"]).Dispose();
        await process.WaitForExitAsync(Cancellation);
        return process.ExitCode;
    }
}
