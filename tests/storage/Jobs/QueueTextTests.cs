using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Tests.Jobs;

public class QueueTextTests
{
    private const string Job = """{"id":"a","request":{"prompt":"ä"}}""";

    [Fact]
    public void Read_AllThatSendersDo_GivesTheText()
    {
        string base64 = Base64(Encoding.UTF8.GetBytes(Job));
        foreach (string body in new[]
        {
            Job, "\uFEFF" + Job, " \r\n" + Job + "\n", base64, base64 + "\n", Base64([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(Job)]),
            JsonSerializer.Serialize(Job), Base64(Encoding.UTF8.GetBytes(base64)), Base64(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(Job))),
            JsonSerializer.Serialize(base64),
        })
            Assert.Equal(Job, QueueText.Read(body).Trim());
    }

    [Theory]
    [InlineData("")]
    [InlineData("test")]
    [InlineData("{not base64}")]
    [InlineData("b'eyJpZCI6ImEifQ=='")]
    [InlineData("\"")]
    [InlineData("\"half")]
    public void Read_AnythingElse_StaysAsItIs(string body) => Assert.Equal(body, QueueText.Read(body));

    [Theory]
    [InlineData("", "empty")]
    [InlineData(" \n", "empty")]
    [InlineData("b'eyJpZCI6ImEifQ=='", "not base64: it looks like Python's b'...'")]
    [InlineData("b\"{}\"", "not base64: it looks like Python's b'...'")]
    [InlineData("{'id': 'a'}", "Python dict")]
    [InlineData("{\0\"\0", "UTF-16")]
    [InlineData("<QueueMessage/>", "XML")]
    [InlineData("eyJpZCI6ImEifQ", "not base64, though it looks like it: its length is no multiple of 4")]
    [InlineData("eyJpZCI6I-_m", "base64url")]
    [InlineData("hello", "neither JSON nor base64")]
    public void WhyNotJson_MistakesOfSenders_AreNamed(string text, string reason)
    {
        Assert.Contains(reason, QueueText.WhyNotJson(QueueText.Read(text)), StringComparison.Ordinal);
        Assert.Contains(reason, Assert.Throws<JobMessageException>(() => JobMessage.Parse(QueueText.Read(text))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhyNotJson_BytesThatAreNoText_AreNamed()
    {
        foreach ((byte[] bytes, string reason) in new[]
        {
            (Encoding.Unicode.GetBytes(Job), "UTF-16"), ([.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(Job)], "UTF-16"),
            ([.. Encoding.BigEndianUnicode.Preamble, .. Encoding.BigEndianUnicode.GetBytes(Job)], "UTF-16"), (Compressed(), "gzip"), (new byte[] { 0xff, 0xc0, 0x80 }, "not UTF-8"),
        })
            Assert.Contains(reason, QueueText.WhyNotJson(QueueText.Read(Base64(bytes))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"id":"a","request":1}""", "a", null)]
    [InlineData("""{"request":{"x":[1,2]},"id":"a","owner":"ann","model":1}""", "a", "ann")]
    [InlineData("""{"id":"a","request":{"prompt":"cut""", "a", null)]
    [InlineData("""{"id":"a","owner":"ann","more":1,"request":{}}""", "a", "ann")]
    public void Parse_BadBodyWithAGoodId_SaysWhoseJobItWas(string text, string id, string? owner) =>
        Assert.Equal(new OwnedId(owner, id), Assert.Throws<JobMessageException>(() => JobMessage.Parse(text)).Job!.Key);

    [Theory]
    [InlineData("""{"id":"../a","request":{}}""")]
    [InlineData("""{"id":"a","id":"b","request":{}}""")]
    [InlineData("""{"id":"a","owner":"../x","request":{}}""")]
    [InlineData("""{"id":1,"request":{}}""")]
    [InlineData("""[{"id":"a"}]""")]
    [InlineData("no JSON")]
    public void Parse_NoUsableId_IsNobodysJob(string text) => Assert.Null(Assert.Throws<JobMessageException>(() => JobMessage.Parse(text)).Job);

    [Theory]
    [InlineData("callbackUrl")]
    [InlineData("callback_url")]
    public void Parse_EitherSpelling_IsTheCallback(string name)
    {
        JobMessage message = JobMessage.Parse($$$"""{"id":"a","request":{},"{{{name}}}":"https://example.com/x"}""");

        Assert.Equal("https://example.com/x", message.Job!.CallbackUrl!.AbsoluteUri);
        var error = Assert.Throws<JobMessageException>(() => JobMessage.Parse($$$"""{"id":"a","request":1,"{{{name}}}":"https://example.com/x"}"""));
        Assert.Equal("https://example.com/x", error.Job!.CallbackUrl!.AbsoluteUri);
    }

    [Fact]
    public void Parse_BothSpellings_IsRefused()
    {
        var error = Assert.Throws<JobMessageException>(() => JobMessage.Parse("""{"id":"a","request":{},"callbackUrl":"https://example.com/x","callback_url":"https://example.com/x"}"""));

        Assert.Equal("The job message has 'callbackUrl' twice, in two spellings.", error.Message);
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);

    private static byte[] Compressed()
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal)) gzip.Write(Encoding.UTF8.GetBytes(Job));
        return bytes.ToArray();
    }
}
