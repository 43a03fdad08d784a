using System.Net;

namespace Gemma2.Worker.Tests;

/// <summary>Streams through a Functions host come as they are made, and a client that goes away stops them.</summary>
[Collection(nameof(SharedApps))]
public sealed class StreamTests(SharedApps apps)
{
    // The model repeats itself: all of these tokens, 8 seconds or more on any machine that this may run on, if nobody stops it.
    private const string Endless = """{"model":"nano","prompt":"the the the the","temperature":0,"max_tokens":8000,"stream":true}""";
    private const string Short = """{"model":"nano","prompt":"Once upon a time","temperature":0,"max_tokens":4}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stream_ClientLeavesAfterTheFirstEvent_FreesTheSequence()
    {
        const int Streams = 20;
        (App app, _) = await apps.HostedAsync();
        // The app works on one sequence at a time. If the first event came with the last, or if an answer went on without its client, this took minutes.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(Streams * 4));
        for (int stream = 0; stream < Streams; stream++) Assert.StartsWith("data: {", await ReadFirstEventAsync(app, limit.Token), StringComparison.Ordinal);

        using HttpResponseMessage response = await app.Http.PostAsync("/v1/completions", Body(Short), limit.Token);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(app.Program.Lines, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    private static StringContent Body(string json) => new(json, null, "application/json");

    private static async Task<string> ReadFirstEventAsync(App app, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = Body(Endless) };
        using HttpResponseMessage response = await app.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return line;
        }
        return "";
    }
}
