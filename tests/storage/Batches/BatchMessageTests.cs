using System.Text;
using CsCheck;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;

namespace Gemma2.Storage.Tests.Batches;

public class BatchMessageTests
{
    private const string Valid =
        """{"batch":"batch_1","owner":"team-a","chunk":{"index":12,"offset":0,"length":7,"first_line":3,"lines":2,"duplicates":[4]},"retries":1}""";

    private static readonly OwnedId Key = new("team-a", "batch_1");

    [Fact]
    public void ToJson_Messages_AreReadBack()
    {
        BatchMessage[] messages =
        [
            new(new OwnedId(null, "batch_1")),
            new(Key, Retries: 3),
            new(Key, new BatchChunk(0, 0, 1, 1, 1, [])),
            new(Key, new BatchChunk(10_999, 200L << 20, 8 << 20, 1_000_000, 1000, [.. Enumerable.Range(999_000, 1000)]), 100),
        ];

        foreach (BatchMessage message in messages)
        {
            BatchMessage read = BatchMessage.Parse(Encoding.UTF8.GetString(message.ToJson()));
            Assert.Equal((message.Batch, message.Retries), (read.Batch, read.Retries));
            Assert.Equal(message.Chunk is { } chunk ? chunk with { Duplicates = [] } : null, read.Chunk is { } its ? its with { Duplicates = [] } : null);
            Assert.Equal(message.Chunk?.Duplicates, read.Chunk?.Duplicates);
            Assert.True(message.ToJson().Length <= JobMessage.MaxMessageBytes);
        }
        Assert.Equal("""{"batch":"batch_1"}""", Encoding.UTF8.GetString(messages[0].ToJson()));
        Assert.Equal(Valid, Encoding.UTF8.GetString(new BatchMessage(Key, new BatchChunk(12, 0, 7, 3, 2, [4]), 1).ToJson()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{} {}")]
    [InlineData("""{"batch":null}""")]
    [InlineData("""{"batch":1}""")]
    [InlineData("""{"batch":"../x"}""")]
    [InlineData("""{"batch":"job-1"}""")]
    [InlineData("""{"batch":"batch_"}x""")]
    [InlineData("""{"batch":"team-b/batch_1"}""")]
    [InlineData("""{"batch":"batch_1","owner":"Team"}""")]
    [InlineData("""{"batch":"batch_1","owner":""}""")]
    [InlineData("""{"batch":"b/batch_1","owner":"a"}""")]
    [InlineData("""{"batch":"batch_1","batch":"batch_2"}""")]
    [InlineData("""{"batch":"batch_1","more":1}""")]
    [InlineData("""{"batch":"batch_1","retries":-1}""")]
    [InlineData("""{"batch":"batch_1","retries":1e99}""")]
    [InlineData("""{"batch":"batch_1","chunk":{}}""")]
    [InlineData("""{"batch":"batch_1","chunk":{"index":-1,"offset":0,"length":1,"first_line":1,"lines":1}}""")]
    [InlineData("""{"batch":"batch_1","chunk":{"index":0,"offset":-1,"length":1,"first_line":1,"lines":1}}""")]
    [InlineData("""{"batch":"batch_1","chunk":{"index":0,"offset":0,"length":0,"first_line":1,"lines":1}}""")]
    [InlineData("""{"batch":"batch_1","chunk":{"index":0,"offset":0,"length":1,"first_line":0,"lines":1}}""")]
    [InlineData("""{"batch":"batch_1","chunk":{"index":0,"offset":0,"length":1,"first_line":1,"lines":1,"duplicates":["a"]}}""")]
    [InlineData("""{"batch":"\ud800"}""")]
    [InlineData("""{"id":"job-1","model":"nano","request":{"prompt":"a"}}""")]
    public void Parse_Malformed_IsRefusedInOneLine(string text) =>
        Assert.DoesNotContain('\n', Assert.Throws<JobMessageException>(() => BatchMessage.Parse(text)).Message);

    [Fact]
    public void Parse_Deep_IsRefused() => Assert.Throws<JobMessageException>(() => BatchMessage.Parse(string.Concat(Enumerable.Repeat("""{"chunk":""", 20_000))));

    [Fact]
    public void Parse_AnyText_GivesAMessageOrAJobMessageException() => Gen.Char.Array[0, 100].Sample(text => ParsesOrRefuses(new string(text)), iter: 3_000);

    [Fact]
    public void Parse_ChangedCharacters_GivesAMessageOrAJobMessageException() =>
        Gen.Select(Gen.Int[0, Valid.Length - 1], Gen.Char, Gen.Int[0, 1]).Sample(
            (at, value, drop) => ParsesOrRefuses($"{Valid[..at]}{value}{Valid[(at + drop)..]}"), iter: 3_000);

    [Fact]
    public void Parse_ChangedNumbers_GivesAMessageOrAJobMessageException() =>
        Gen.Select(Gen.Int[0, 5], Gen.Long).Sample((which, number) => ParsesOrRefuses(
            ReplaceNumber(Valid, which, number)), iter: 3_000);

    private static string ReplaceNumber(string text, int which, long number)
    {
        string[] names = ["index", "offset", "length", "first_line", "lines", "retries"];
        return System.Text.RegularExpressions.Regex.Replace(text, $"\"{names[which]}\":[0-9]+", $"\"{names[which]}\":{number}");
    }

    private static void ParsesOrRefuses(string text)
    {
        try
        {
            BatchMessage message = BatchMessage.Parse(text);
            Assert.True(JobId.IsValid(message.Batch.Id));
            Assert.True(message.Chunk is null or { Index: >= 0, Offset: >= 0, Length: > 0, Lines: > 0, FirstLine: > 0 });
        }
        catch (JobMessageException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    }
}
