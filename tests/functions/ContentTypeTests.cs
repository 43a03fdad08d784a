using System.Net;
using System.Text;

namespace Gemma2.Functions.Tests;

/// <summary>Which bodies are taken for JSON.</summary>
public sealed class ContentTypeTests
{
    private const string Request = """{"model":"scripted","prompt":"Hi"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("application/json")]
    [InlineData("APPLICATION/JSON")]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("application/json; charset=\"utf-8\"")]
    [InlineData("application/json; charset=utf8")]
    [InlineData("application/json; charset=US-ASCII")]
    [InlineData("application/json; version=1")]
    [InlineData("application/vnd.example+json; charset=\"UTF-8\"")]
    public async Task Post_JsonHoweverSpelled_IsTaken(string type) => Assert.Equal(HttpStatusCode.OK, await PostAsync(type, Encoding.UTF8.GetBytes(Request)));

    [Theory]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData("text/json")]
    [InlineData("text/x+json")]
    [InlineData("application/jsonl")]
    [InlineData("application/json, application/json")]
    [InlineData("application/")]
    [InlineData(null)]
    public async Task Post_OtherType_Is415(string? type) => Assert.Equal(HttpStatusCode.UnsupportedMediaType, await PostAsync(type, Encoding.UTF8.GetBytes(Request)));

    [Theory]
    [InlineData("identity", HttpStatusCode.OK)]
    [InlineData("gzip", HttpStatusCode.UnsupportedMediaType)]
    public async Task Post_Encoding_IsTakenWhereItChangesNothing(string encoding, HttpStatusCode expected) =>
        Assert.Equal(expected, await PostAsync("application/json", Encoding.UTF8.GetBytes(Request), encoding));

    [Fact]
    public async Task Post_ByteOrderMark_IsSkipped() => Assert.Equal(HttpStatusCode.OK, await PostAsync("application/json", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Request)]));

    [Fact]
    public async Task Post_TwoByteOrderMarks_AreRefused() =>
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync("application/json", [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Request)]));

    private static async Task<HttpStatusCode> PostAsync(string? type, byte[] body, string? encoding = null)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using var content = new ByteArrayContent(body);
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null)
            content.Headers.ContentEncoding.Add(encoding);
        using HttpResponseMessage response = await app.Client.PostAsync("/v1/completions", content, Cancellation);
        return response.StatusCode;
    }
}
