using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Tests.Jobs;

public class JobMessageTests
{
    private const string Full =
        """{"id":"job-1","owner":"team","model":"nano","request":{"prompt":"a"},"callbackUrl":"https://example.com/a?b=c","retries":3,"supersedes":"\u00220x8D\u0022"}""";

    private const string Valid = """{"id":"job-1","model":"nano","request":{"prompt":"a","max_tokens":3}}""";

    [Fact]
    public void Parse_InlineJob_GivesItsParts()
    {
        CompletionJob job = JobMessage.Parse(Valid).Job!;

        Assert.Equal(("job-1", "nano", """{"prompt":"a","max_tokens":3}"""), (job.Key.Path, job.Model, job.Request.GetRawText()));
    }

    [Fact]
    public void Parse_NoModel_IsAllowed() => Assert.Null(JobMessage.Parse("""{"id":"a","request":{}}""").Job!.Model);

    [Fact]
    public void Parse_BlobReference_NamesTheJobOnly() =>
        Assert.Equal(new JobMessage(new OwnedId(null, "a"), null), JobMessage.Parse("""{"id":"a","requestBlob":"requests/a.json"}"""));

    [Theory]
    [InlineData(Valid)]
    [InlineData("""{"id":"a","owner":"team-1","request":{},"callbackUrl":"https://example.com/done?x=1","retries":7}""")]
    [InlineData(Full)]
    [InlineData("""{"id":"a","requestBlob":"requests/a.json"}""")]
    [InlineData("""{"id":"a","owner":"team-1","requestBlob":"requests/team-1/a.json","retries":1}""")]
    public void ToJson_WhatParseGave_IsTheSame(string json) => Assert.Equal(json, Encoding.UTF8.GetString(JobMessage.Parse(json).ToJson()));

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("hello", "not valid JSON")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("""{"id":"a","id":"b","request":{}}""", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("null", "not a JSON object")]
    [InlineData("{}", "has no 'id'")]
    [InlineData("""{"id":null,"request":{}}""", "'id' is not a string")]
    [InlineData("""{"id":1,"request":{}}""", "'id' is not a string")]
    [InlineData("""{"id":"","request":{}}""", "'id' is not usable")]
    [InlineData("""{"id":"../a","request":{}}""", "'id' is not usable")]
    [InlineData("""{"id":"a\u0000","request":{}}""", "'id' is not usable")]
    [InlineData("""{"id":"\ud800","request":{}}""", "not valid Unicode")]
    [InlineData("""{"id":"a","model":1,"request":{}}""", "'model' is not a string")]
    [InlineData("""{"id":"a","request":"b"}""", "'request' is not a JSON object")]
    [InlineData("""{"id":"a","request":null}""", "'request' is not a JSON object")]
    [InlineData("""{"id":"a","request":{},"more":1}""", "unknown field")]
    [InlineData("""{"id":"a","request":{},"\ud800":1}""", "not valid Unicode")]
    [InlineData("""{"id":"a"}""", "either 'request' or 'requestBlob'")]
    [InlineData("""{"id":"a","request":{},"requestBlob":"requests/a.json"}""", "either 'request' or 'requestBlob'")]
    [InlineData("""{"id":"a","requestBlob":"requests/b.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","requestBlob":"completions/a.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","requestBlob":"requests/../requests/a.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","requestBlob":"https://evil.example/requests/a.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","owner":"Team","request":{}}""", "'owner' is not usable")]
    [InlineData("""{"id":"a","owner":"../b","request":{}}""", "'owner' is not usable")]
    [InlineData("""{"id":"a","owner":"","request":{}}""", "'owner' is not usable")]
    [InlineData("""{"id":"a","owner":"b","requestBlob":"requests/a.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","requestBlob":"requests/b/a.json"}""", "wrong 'requestBlob'")]
    [InlineData("""{"id":"a","request":{},"retries":-1}""", "'retries' is not a number of times")]
    [InlineData("""{"id":"a","request":{},"retries":1.5}""", "'retries' is not a number of times")]
    [InlineData("""{"id":"a","request":{},"retries":99999999999}""", "'retries' is not a number of times")]
    [InlineData("""{"id":"a","request":{},"callbackUrl":"http://example.com"}""", "not an https address")]
    [InlineData("""{"id":"a","request":{},"callbackUrl":"/done"}""", "not an https address")]
    [InlineData("""{"id":"a","request":{},"callbackUrl":"file:///etc/passwd"}""", "not an https address")]
    [InlineData("""{"id":"a","request":{},"callbackUrl":7}""", "'callbackUrl' is not a string")]
    public void Parse_Malformed_IsRefusedInOneLine(string text, string message)
    {
        var error = Assert.Throws<JobMessageException>(() => JobMessage.Parse(text));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Parse_DeeperThanAllowed_IsRefused()
    {
        string nested = string.Concat(Enumerable.Repeat("[", 20_000));

        Assert.Throws<JobMessageException>(() => JobMessage.Parse($$"""{"id":"a","request":{"x":{{nested}}"""));
    }

    [Fact]
    public void Parse_LongerThanAMessageCanBe_IsRefused() =>
        Assert.Contains("characters long", Assert.Throws<JobMessageException>(() => JobMessage.Parse(new string(' ', 70_000))).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_HalfASurrogatePair_IsRefused() => Assert.Throws<JobMessageException>(() => JobMessage.Parse("{\"id\":\"\ud800\"}"));

    [Fact]
    public void Parse_AnyText_GivesAJobOrAJobMessageException() =>
        Gen.Char.Array[0, 100].Sample(text => ParsesOrRefuses(new string(text)), iter: 3_000);

    [Fact]
    public void Parse_AnyBytes_GivesAJobOrAJobMessageException() => Gen.Byte.Array[0, 100].Sample(
        bytes =>
        {
            try
            {
                JobMessage.Parse(bytes);
            }
            catch (JobMessageException)
            {
            }
        },
        iter: 3_000);

    [Fact]
    public void Parse_JobWithChangedCharacters_GivesAJobOrAJobMessageException() =>
        Gen.Select(Gen.Int[0, Full.Length - 1], Gen.OneOf(Gen.Char, Gen.Char[' ', '~']), Gen.Int[0, 3]).Sample(
            (at, value, drop) => ParsesOrRefuses($"{Full[..at]}{value}{Full[Math.Min(at + drop, Full.Length)..]}"), iter: 10_000);

    [Fact]
    public void New_ManyIds_AreValidDifferentAndSorted()
    {
        string[] ids = [.. Enumerable.Range(0, 1000).Select(_ => JobId.New())];

        Assert.All(ids, id => Assert.True(JobId.IsValid(id), id));
        Assert.Equal(1000, ids.Distinct().Count());
    }

    private static void ParsesOrRefuses(string text)
    {
        try
        {
            JobMessage message = JobMessage.Parse(text);
            Assert.Equal(message.Key, message.Key.Validated());
            Assert.True(message.Job is null || message.Job.Request.ValueKind == JsonValueKind.Object);
            Assert.Equal(message.ToJson(), JobMessage.Parse(message.ToJson()).ToJson());
        }
        catch (JobMessageException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    }
}
