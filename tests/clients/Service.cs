using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json;
using Anthropic;
using Azure.AI.OpenAI;
using Gemma2.Backend.Engine;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Functions.Tests;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Model;
using Gemma2.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenAI;

namespace Gemma2.Clients.Tests;

/// <summary>The real app with the embedded model, started once for all clients, and what came of each.</summary>
public sealed class Service : IAsyncLifetime
{
    internal const string Model = "nano";
    internal const string Key = "the-key-of-all-clients";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CollectedLog _log = new();
    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<string, Dictionary<string, string?>> _results = [];
    private WebApplication? _app;

    /// <summary>Where it listens.</summary>
    internal Uri Url { get; private set; } = null!;

    /// <summary>Tokens that the question has as a prompt.</summary>
    internal int PromptTokens { get; private set; }

    private InferenceEngine Engine => (InferenceEngine)_app!.Services.GetRequiredService<ModelHost>().Engine!;

    private int Gone => _log.LinesOf<AccessLog>().Count(line => line.Contains(" 499 in ", StringComparison.Ordinal));

    /// <inheritdoc />
    public async ValueTask InitializeAsync()
    {
        if (Machine.LacksDevice is not null)
            return;
        string[] args =
        [
            $"--Gemma2:Model={Path.Combine(Repository.Root, "samples/nano")}", "--Gemma2:AllowSoftwareDevice=true", $"--Gemma2:ApiKeys=clients={Key}", "--urls=http://127.0.0.1:0",
            // The tests may run in a container; the app is not to care.
            "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME=",
        ];
        _app = StandaloneHost.Build(args, services => services.AddLogging(logging => logging.ClearProviders().AddProvider(_log)));
        await _app.StartAsync();
        Url = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        await _app.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(CancellationToken.None);
        PromptTokens = (await PostAsync("/tokenize")).GetProperty("count").GetInt32();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_app is null)
            return;
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>What went wrong with each feature of a client, null where nothing did. Each client is tried once, and one at a time.</summary>
    internal async Task<Dictionary<string, string?>> ResultsOfAsync(Client client)
    {
        await _one.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            if (!_results.TryGetValue(client.Name, out Dictionary<string, string?>? results))
            {
                int gone = Gone;
                _results[client.Name] = results = await client.TryAsync(this);
                results[Feature.Abort] ??= await WhatIsLeftAsync(gone + 1);
            }
            return results;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>OpenAI's client, without retries, so that a test sees the first answer.</summary>
    internal OpenAIClient OpenAI() => new(new ApiKeyCredential(Key), new OpenAIClientOptions { Endpoint = new Uri(Url, "v1"), RetryPolicy = new ClientRetryPolicy(0) });

    /// <summary>Azure's.</summary>
    internal AzureOpenAIClient Azure() => new(Url, new ApiKeyCredential(Key), new AzureOpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(0) });

    /// <summary>Anthropic's, which checks all that it reads.</summary>
    internal AnthropicClient Anthropic() => new() { BaseUrl = Url.ToString(), ApiKey = Key, MaxRetries = 0, ResponseValidation = true };

    /// <summary>After a client has left: null when the app has noticed, works on nothing any more, and answers the next.</summary>
    private async Task<string?> WhatIsLeftAsync(int gone)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            while (Gone < gone || Engine.Statistics is not { Running: 0, Waiting: 0 })
                await Task.Delay(10, limit.Token);
        }
        catch (OperationCanceledException)
        {
            return $"{Gone} requests have ended because their clients left, {gone} were expected; {Engine.Statistics.Running} sequences run.";
        }
        return (await PostAsync("/v1/chat/completions")).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!.Length > 0 ? null : "The next answer is empty.";
    }

    private async Task<JsonElement> PostAsync(string path)
    {
        using var http = new HttpClient { BaseAddress = Url };
        http.DefaultRequestHeaders.Add("api-key", Key);
        string body = JsonSerializer.Serialize(new
        {
            model = Model,
            messages = new[] { new { role = "system", content = Questions.System }, new { role = "user", content = Questions.Question } },
        });
        using HttpResponseMessage response = await http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        string answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonElement.Parse(answer) : throw new InvalidOperationException($"{path}: {answer}");
    }
}
