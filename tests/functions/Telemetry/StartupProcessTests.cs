using System.Diagnostics;
using System.Text.Json;
using Gemma2.Backend.Startup;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Telemetry;

/// <summary>The timeline of the published app with the embedded model, as a process of its own.</summary>
public sealed class StartupProcessTests(PublishedApp published)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_WithTheEmbeddedModel_IsToldFromTheProcessToTheFirstToken()
    {
        Machine.NeedsDevice();
        int port = TestApp.FreePort();
        DateTimeOffset before = DateTimeOffset.UtcNow;
        using Process process = published.Start(new()
        {
            ["Gemma2__Model"] = Path.Combine(Repository.Root, "samples/nano"),
            ["Gemma2__AllowSoftwareDevice"] = "true",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
        });
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(5) };
            await PublishedApp.WaitForModelAsync(client, process);
            using HttpResponseMessage answer = await client.PostAsync("/v1/completions", new StringContent("""{"model":"nano","prompt":"Hi","max_tokens":2}""", null, "application/json"), Cancellation);
            Assert.True(answer.IsSuccessStatusCode);

            using JsonDocument starts = JsonDocument.Parse(await client.GetStringAsync("/startup", Cancellation));
            StartupReport start = StartupJson.Read(Assert.Single(starts.RootElement.GetProperty("data").EnumerateArray()), "data");
            string[] loadedBefore = Libraries(process);
            var metrics = PrometheusText.Parse(await client.GetStringAsync("/metrics", Cancellation));

            Assert.Equal("nano", start.Model);
            Assert.Equal(before.ToUnixTimeMilliseconds() / 1000.0, start.Start.ToUnixTimeMilliseconds() / 1000.0, tolerance: 5);
            foreach (string stage in (string[])[StartupStages.Runtime, StartupStages.Host, StartupStages.Model, StartupStages.Warm, StartupStages.FirstToken])
                Assert.NotNull(Assert.Single(start.Stages, known => known.Name == stage).End);
            Assert.NotNull(start.Wait);
            Assert.True(start.FirstToken!.End > start.Ready);
            Assert.True(metrics.Samples["gemma2_device_memory_bytes"] > metrics.Samples["gemma2_device_weights_bytes"]);
            // Nobody asked for figures or traces before: no start pays for them.
            Assert.Empty(loadedBefore);
            Assert.NotEmpty(Libraries(process));
        }
        finally
        {
            process.Kill();
        }
        (string output, _) = await PublishedApp.ReadAsync(process);
        string[] lines = [.. output.Split('\n').Where(line => line.Contains("{\"startup\":", StringComparison.Ordinal))];
        Assert.Equal(2, lines.Length);
        Assert.All(lines, line => JsonDocument.Parse(line[line.IndexOf('{', StringComparison.Ordinal)..]).Dispose());
    }

    /// <summary>OpenTelemetry's libraries in a process.</summary>
    private static string[] Libraries(Process process) =>
        [.. File.ReadLines($"/proc/{process.Id}/maps").Where(line => line.Contains("OpenTelemetry", StringComparison.Ordinal)).Select(line => Path.GetFileName(line)).Distinct()];
}
