using System.Text.Json;

namespace Gemma2.Functions.Tests.Anthropic;

/// <summary>Reads what Anthropic's API answers.</summary>
internal static class AnthropicAnswers
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Posts a request that must succeed.</summary>
    public static async Task<JsonElement> AskAsync(this TestApp app, string json)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/messages", json);
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }

    /// <summary>Posts a request that is streamed: the names and data of its events.</summary>
    public static async Task<(string Name, JsonElement Data)[]> StreamAsync(this TestApp app, string json)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/messages", json);
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        return [.. body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(item => !item.StartsWith(':')).Select(Event)];
    }

    /// <summary>Asserts that a response is an error as Anthropic's clients read it.</summary>
    public static async Task AssertErrorAsync(HttpResponseMessage response, int status, string type, string said)
    {
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode}: {body}");
        JsonElement error = JsonElement.Parse(body);
        Assert.Equal(["type", "error", "request_id"], error.EnumerateObject().Select(field => field.Name));
        Assert.Equal("error", error.GetProperty("type").GetString());
        Assert.Equal(["type", "message"], error.GetProperty("error").EnumerateObject().Select(field => field.Name));
        Assert.Equal(type, error.GetProperty("error").GetProperty("type").GetString());
        Assert.Contains(said, error.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(response.Headers.GetValues("request-id").Single(), error.GetProperty("request_id").GetString());
    }

    private static (string Name, JsonElement Data) Event(string text)
    {
        string[] lines = text.Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("event: ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("data: ", lines[1], StringComparison.Ordinal);
        return (lines[0]["event: ".Length..], JsonElement.Parse(lines[1]["data: ".Length..]));
    }
}
