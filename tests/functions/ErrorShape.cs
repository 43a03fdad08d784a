using System.Text.Json;
using Gemma2.Service.Api;

namespace Gemma2.Functions.Tests;

/// <summary>Every error of the app has the one shape that OpenAI's clients read.</summary>
internal static class ErrorShape
{
    // What OpenAI's API answers for a field; see ErrorCodesTests for which it is when.
    private static readonly string[] FieldCodes = [.. typeof(ErrorCodes).GetFields().Select(field => (string)field.GetRawConstantValue()!)];

    /// <summary>Asserts that a response is such an error.</summary>
    /// <param name="response">The response.</param>
    /// <param name="status">Its status.</param>
    /// <param name="parameter">The field that it names.</param>
    /// <param name="code">Its code; null for a field that is wrong means any of OpenAI's words for that.</param>
    public static async Task AssertAsync(HttpResponseMessage response, int status, string? parameter, string? code)
    {
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode}: {body}");
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        JsonElement error = JsonElement.Parse(body).GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(field => field.Name));
        Assert.Equal(parameter, error.GetProperty("param").GetString());
        if (code is null && parameter is not null)
            Assert.Contains(error.GetProperty("code").GetString(), FieldCodes);
        else
            Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.NotEqual("", error.GetProperty("message").GetString());
        Assert.NotEqual("", error.GetProperty("type").GetString());
    }
}
