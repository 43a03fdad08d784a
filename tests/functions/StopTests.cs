using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gemma2.Functions.Tests;

/// <summary>What clients see of an app that is told to stop.</summary>
public sealed class StopTests
{
    private const string Chat = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}]}""";
    private const string Stream = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"stream":true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stop_RequestsInHand_FinishWhileNewOnesAreRefused()
    {
        var turn = new TaskCompletionSource();
        (TestApp app, Task<HttpResponseMessage> first, Task<HttpResponseMessage> second) = await StartTwoAsync(turn.Task.WaitAsync, _ => { });
        await using (app)
        {
            Task stopping = app.App.StopAsync(Cancellation);

            using HttpResponseMessage refused = await app.PostAsync("/v1/chat/completions", Chat);
            using HttpResponseMessage health = await app.Client.GetAsync("/healthz", Cancellation);
            using HttpResponseMessage read = await app.Client.GetAsync("/v1/models", Cancellation);
            Assert.False(stopping.IsCompleted);
            turn.SetResult();
            using HttpResponseMessage whole = await first;
            using HttpResponseMessage stream = await second;

            await ErrorShape.AssertAsync(refused, 503, null, "stopping");
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.True(refused.Headers.ConnectionClose);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            Assert.Equal("""{"status":"stopping"}""", await health.Content.ReadAsStringAsync(Cancellation));
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
            Assert.EndsWith("data: [DONE]\n\n", await stream.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
            await stopping;
            await Assert.ThrowsAsync<HttpRequestException>(() => app.Client.GetAsync("/healthz", Cancellation));
        }
    }

    [Fact]
    public async Task Stop_TimeIsOver_EndsRequestsWithAnAnswer()
    {
        (TestApp app, Task<HttpResponseMessage> first, Task<HttpResponseMessage> second) = await StartTwoAsync(
            token => Task.Delay(Timeout.Infinite, token), services => services.Configure<HostOptions>(hosting => hosting.ShutdownTimeout = TimeSpan.FromSeconds(4)));
        await using (app)
        {
            Task stopping = app.App.StopAsync(Cancellation);

            using HttpResponseMessage whole = await first;
            using HttpResponseMessage stream = await second;

            await ErrorShape.AssertAsync(whole, 503, null, "stopping");
            Assert.NotNull(whole.Headers.RetryAfter);
            string[] frames = (await stream.Content.ReadAsStringAsync(Cancellation)).TrimEnd().Split("\n\n");
            JsonElement error = JsonElement.Parse(frames[^1]["data: ".Length..]).GetProperty("error");
            Assert.Equal("stopping", error.GetProperty("code").GetString());
            await stopping;
        }
    }

    [Fact]
    public async Task Stop_HalfARequest_DoesNotHoldIt()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage kept = await app.Client.GetAsync("/healthz", Cancellation);
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Cancellation);
        await silent.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"), Cancellation);

        await app.App.StopAsync(Cancellation).WaitAsync(TimeSpan.FromSeconds(20), Cancellation);
    }

    /// <summary>An app with a request for a whole answer and one for a stream, both of which wait for the model.</summary>
    private static async Task<(TestApp App, Task<HttpResponseMessage> Whole, Task<HttpResponseMessage> Stream)> StartTwoAsync(
        Func<CancellationToken, Task> wait, Action<IServiceCollection> configure)
    {
        using var begun = new SemaphoreSlim(0);
        TestApp app = await TestApp.StartAsync(
            new ScriptedEngine(Vocabulary.Tokenizer)
            {
                BeforeAnswer = token =>
                {
                    begun.Release();
                    return wait(token);
                },
            },
            configure);
        Task<HttpResponseMessage> whole = app.PostAsync("/v1/chat/completions", Chat);
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(Stream, Encoding.UTF8, "application/json") };
        Task<HttpResponseMessage> stream = app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await begun.WaitAsync(Cancellation);
        await begun.WaitAsync(Cancellation);
        return (app, whole, stream);
    }
}
