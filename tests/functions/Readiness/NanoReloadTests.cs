using System.Net;
using System.Text.Json;
using Gemma2.Functions.Hosts.Standalone;
using Gemma2.Service.Model;
using Gemma2.Storage;
using Gemma2.Storage.Models;
using Gemma2.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary>The real model in real storage: missing at first, then pushed, then pushed again with other weights.</summary>
public sealed class NanoReloadTests(AzuriteFixture azurite)
{
    private const string Key = "the-operators-own-key";
    private const string Body = """{"model":"nano","prompt":"What is the capital of France?","temperature":0,"max_tokens":4}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reload_OtherWeightsArePushed_AreServedWithoutLosingARequest()
    {
        string connectionString = azurite.NewConnectionString();
        StorageConnection storage = StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null);
        string nano = Path.Combine(Repository.Root, "samples/nano");
        string other = Directory.CreateTempSubdirectory("gemma2-other-").FullName;
        await using WebApplication app = await StartAsync(connectionString);
        using HttpClient client = ClientOf(app);
        try
        {
            // It is not there yet: a request waits until it is pushed.
            Task<string> early = FingerprintAsync(client);
            var model = app.Services.GetRequiredService<ModelHost>();
            while (model.LastFailure is null)
                await Task.Delay(20, Cancellation);
            Assert.Contains("is not in the container", model.LastFailure!.Message, StringComparison.Ordinal);
            var store = new ModelStore(storage);
            await store.PushAsync(nano, "nano", null, Cancellation);
            string first = await early;
            Assert.Equal("already_current", await ReloadAsync(client));

            Copy(nano, other);
            await store.PushAsync(other, "nano", null, Cancellation);
            using var stop = new CancellationTokenSource();
            Task<HashSet<string>> seen = AskAsync(client, stop.Token);
            Assert.Equal("succeeded", await ReloadAsync(client));
            string second = await FingerprintAsync(client);
            await stop.CancelAsync();

            Assert.NotEqual(first, second);
            Assert.Subset(new HashSet<string> { first, second }, await seen);
            Assert.Equal("already_current", await ReloadAsync(client));

            // What cannot be read is found out, and what is served stays.
            await File.WriteAllTextAsync(Path.Combine(other, "config.json"), "{}", Cancellation);
            await store.PushAsync(other, "nano", null, Cancellation);
            Assert.Equal("reload_failed", await ReloadAsync(client));
            Assert.Equal(second, await FingerprintAsync(client));
        }
        finally
        {
            await app.StopAsync(Cancellation);
            Directory.Delete(other, recursive: true);
        }
    }

    [Fact]
    public async Task Reload_AnotherAdapterIsPushed_IsServed()
    {
        string connectionString = azurite.NewConnectionString();
        var store = new ModelStore(StorageConnection.FromSettings(key => key == "AzureWebJobsStorage" ? connectionString : null));
        string adapter = Directory.CreateTempSubdirectory("gemma2-adapter-").FullName;
        await store.PushAsync(Path.Combine(Repository.Root, "samples/nano"), "nano", null, Cancellation);
        await store.PushAsync(LoraFolder.Write(adapter, seed: 1), "adapter", null, Cancellation);
        await using WebApplication plain = await StartAsync(connectionString), app = await StartAsync(connectionString, "--Gemma2:Lora=adapter:0.5");
        try
        {
            using HttpClient client = ClientOf(app), plainClient = ClientOf(plain);
            string first = await FingerprintAsync(client);
            Assert.NotEqual(await FingerprintAsync(plainClient), first);
            Assert.Equal("already_current", await ReloadAsync(client));

            await store.PushAsync(LoraFolder.Write(adapter, seed: 2), "adapter", null, Cancellation);
            Assert.Equal("succeeded", await ReloadAsync(client));
            Assert.NotEqual(first, await FingerprintAsync(client));
            Assert.Equal("already_current", await ReloadAsync(client));
        }
        finally
        {
            await app.StopAsync(Cancellation);
            await plain.StopAsync(Cancellation);
            Directory.Delete(adapter, recursive: true);
        }
    }

    private static async Task<WebApplication> StartAsync(string connectionString, params string[] settings)
    {
        WebApplication app = StandaloneHost.Build(
        [
            "--Gemma2:Model=nano", "--Gemma2:AllowSoftwareDevice=true", $"--Gemma2:AdminKey={Key}", "--urls=http://127.0.0.1:0", "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME=",
            "--AzureWebJobsStorage=" + connectionString, .. settings,
        ], services => services.AddLogging(logging => logging.ClearProviders()));
        await app.StartAsync(Cancellation);
        return app;
    }

    private static HttpClient ClientOf(WebApplication app) =>
        new() { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()), Timeout = TimeSpan.FromMinutes(5) };

    /// <summary>The same model but for one weight.</summary>
    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        string weights = Path.Combine(to, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        // The lowest bit of a number's fraction, whatever its width.
        bytes[^2] ^= 1;
        File.WriteAllBytes(weights, bytes);
    }

    private static async Task<HashSet<string>> AskAsync(HttpClient client, CancellationToken stop)
    {
        var seen = new HashSet<string>();
        while (!stop.IsCancellationRequested)
            seen.Add(await FingerprintAsync(client));
        return seen;
    }

    private static async Task<string> FingerprintAsync(HttpClient client)
    {
        using HttpResponseMessage response = await client.PostAsync("/v1/completions", new StringContent(Body, null, "application/json"), Cancellation);
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == HttpStatusCode.OK, body);
        return JsonElement.Parse(body).GetProperty("system_fingerprint").GetString()!;
    }

    /// <summary>A reload's status, or the code of its error.</summary>
    private static async Task<string?> ReloadAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/admin/reload?wait=true") { Headers = { Authorization = new("Bearer", Key) } };
        using HttpResponseMessage response = await client.SendAsync(request, Cancellation);
        JsonElement body = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        return body.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object ? error.GetProperty("code").GetString() : body.GetProperty("status").GetString();
    }
}
