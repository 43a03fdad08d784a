using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>A service that answers as the app does, or wrongly where a test wants it: what the real one cannot be made to do.</summary>
internal sealed class ScriptedService : IAsyncDisposable
{
    private const string Answer = "Paris.";

    private readonly Dictionary<string, (int Status, string Body)> _replaced = [];
    private readonly WebApplication _app;
    private int _healthRequests;

    /// <summary>A service that is ready at the second look and finishes jobs and batches at the second, too.</summary>
    /// <param name="key">The key that it asks for; null asks for none.</param>
    private ScriptedService(string? key)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        // A slow machine is no attacker.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MinRequestBodyDataRate = null);
        _app = builder.Build();
        _app.Urls.Add("http://127.0.0.1:0");
        _app.Use(async (http, next) =>
        {
            string call = $"{http.Request.Method} {http.Request.Path}";
            lock (Calls) Calls.Add(call);
            if (key is not null && http.Request.Path != "/healthz" && http.Request.Headers.Authorization != $"Bearer {key}")
                await WriteAsync(http, 401, """{"error":{"message":"wrong key"}}""");
            else if (_replaced.TryGetValue(call, out (int Status, string Body) replaced))
                await WriteAsync(http, replaced.Status, replaced.Body);
            else
                await next();
        });
        int looks = 0;
        _app.MapGet("/healthz", http => Interlocked.Increment(ref _healthRequests) == 1
            ? WriteAsync(http, 503, """{"status":"loading"}""") : WriteAsync(http, 200, """{"status":"ready","model":"nano"}"""));
        _app.MapPost("/v1/chat/completions", async http =>
        {
            JsonElement request = await JsonSerializer.DeserializeAsync<JsonElement>(http.Request.Body);
            bool stream = request.TryGetProperty("stream", out JsonElement value) && value.GetBoolean();
            await WriteAsync(http, 200, stream
                ? "data: {\"choices\":[{\"delta\":{\"content\":\"Par\"}}]}\n\n: heartbeat\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"is.\"}}]}\n\ndata: [DONE]\n\n"
                : Completion);
        });
        _app.MapPost("/v1/jobs", http => WriteAsync(http, 202, """{"id":"job-1","status":"queued"}"""));
        _app.MapGet("/v1/jobs/job-1", http => WriteAsync(http, 200, Interlocked.Increment(ref looks) % 2 == 1
            ? """{"id":"job-1","status":"running","result":null}""" : $$"""{"id":"job-1","status":"succeeded","result": {{Completion}} }"""));
        _app.MapPost("/v1/files", async http =>
        {
            IFormCollection form = await http.Request.ReadFormAsync();
            using var reader = new StreamReader(form.Files["file"]!.OpenReadStream());
            Lines = (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            await WriteAsync(http, 200, $$"""{"id":"file-1","purpose":"{{form["purpose"]}}"}""");
        });
        _app.MapPost("/v1/batches", http => WriteAsync(http, 200, """{"id":"batch-1","status":"validating"}"""));
        _app.MapGet("/v1/batches/batch-1", http => WriteAsync(http, 200, Interlocked.Increment(ref looks) % 2 == 1
            ? """{"id":"batch-1","status":"in_progress"}""" : """{"id":"batch-1","status":"completed","output_file_id":"file-2","request_counts":{"total":3,"completed":3,"failed":0}}"""));
        _app.MapGet("/v1/files/file-2/content", http => WriteAsync(http, 200, string.Concat(Enumerable.Repeat($$"""{"response":{"body": {{Completion}}, "status_code":200} }""" + "\n", 3))));
        _app.MapDelete("/v1/files/{id}", http => WriteAsync(http, 200, "{}"));
    }

    /// <summary>What was asked, as METHOD PATH.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>The lines of the file that was sent.</summary>
    public string[] Lines { get; private set; } = [];

    /// <summary>Where it answers.</summary>
    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    private static string Completion => $$$"""{"choices":[{"message":{"role":"assistant","content":"{{{Answer}}}"}}]}""";

    /// <summary>Starts one.</summary>
    public static async Task<ScriptedService> StartAsync(string? key = null)
    {
        var service = new ScriptedService(key);
        await service._app.StartAsync(TestContext.Current.CancellationToken);
        return service;
    }

    /// <summary>Answers a call in another way.</summary>
    public ScriptedService Replace(string call, int status, string body)
    {
        _replaced[call] = (status, body);
        return this;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static Task WriteAsync(HttpContext http, int status, string body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = body.StartsWith("data:", StringComparison.Ordinal) ? "text/event-stream" : "application/json";
        return http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body)).AsTask();
    }
}
