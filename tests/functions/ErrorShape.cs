using System.Text.Json;

namespace Gemma2.Functions.Tests;

/// <summary>Every error of the app has the one shape that OpenAI's clients read.</summary>
internal static class ErrorShape
{
    /// <summary>Asserts that a response is such an error.</summary>
    public static async Task AssertAsync(HttpResponseMessage response, int status, string? parameter, string? code)
    {
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode}: {body}");
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        JsonElement error = JsonElement.Parse(body).GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(field => field.Name));
        Assert.Equal((parameter, code), (error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
        Assert.NotEqual("", error.GetProperty("message").GetString());
        Assert.NotEqual("", error.GetProperty("type").GetString());
    }
}
