using System.Text;
using CsCheck;
using Gemma2.Service.Batches;
using Gemma2.Service.Completions;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Functions.Tests.Batches;

public sealed class BatchSplitterTests
{
    private const string Model = ScriptedEngine.Name;

    private static readonly string Good = BatchAccount.Line("a");

    // Chunks of about two lines.
    private static readonly ChunkLimits Small = new(1, 600, 0);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Parse_GoodLine_GivesItsRequest()
    {
        BatchLine line = Parse(BatchAccount.Line("my id", "Hi", ",\"seed\":7,\"max_tokens\":3"));

        Assert.Null(line.Error);
        Assert.Equal(("my id", 7, 3, Model), (line.CustomId, line.Seed, line.Request!.MaxTokens, line.Request.Model));
        Assert.IsType<Prompt.Chat>(line.Request.Prompts.Single());
    }

    [Fact]
    public void Parse_TextEndpoint_TakesPrompts()
    {
        string line = $$$"""{"custom_id":"a","method":"POST","url":"/v1/completions","body":{"model":"{{{Model}}}","prompt":"Hi"}}""";

        Assert.IsType<Prompt.Text>(new BatchLineParser("/v1/completions", Model).Parse(Line(line)).Request!.Prompts.Single());
        Assert.Equal("url", Parse(line).Error!.Parameter);
    }

    [Fact]
    public void Parse_LineWithoutSeed_GetsOneFromItsNameAndBodyAlone()
    {
        long seed = Parse(BatchAccount.Line("a")).Seed;

        Assert.Equal(seed, (Parse(BatchAccount.Line("a")) with { Number = 9 }).Seed);
        Assert.NotEqual(seed, Parse(BatchAccount.Line("b")).Seed);
        Assert.NotEqual(seed, Parse(BatchAccount.Line("a", "Ho")).Seed);
        Assert.InRange(seed, 0, 1L << 53);
    }

    [Theory]
    [InlineData("{", "invalid_json_line", null)]
    [InlineData("[]", "invalid_request", null)]
    [InlineData("null", "invalid_request", null)]
    [InlineData("{}", "invalid_request", "custom_id")]
    [InlineData("""{"custom_id":1}""", "invalid_request", "custom_id")]
    [InlineData("""{"custom_id":""}""", "invalid_request", "custom_id")]
    [InlineData("""{"custom_id":"\ud800"}""", "invalid_request", "custom_id")]
    [InlineData("""{"custom_id":"a","custom_id":"b"}""", "invalid_json_line", null)]
    [InlineData("""{"custom_id":"a","more":1}""", "invalid_request", "more")]
    [InlineData("""{"custom_id":"a","url":"/v1/chat/completions","body":{}}""", "invalid_request", "method")]
    [InlineData("""{"custom_id":"a","method":"GET","url":"/v1/chat/completions","body":{}}""", "invalid_request", "method")]
    [InlineData("""{"custom_id":"a","method":"POST","body":{}}""", "invalid_request", "url")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions/../x","body":{}}""", "invalid_request", "url")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}""", "invalid_request", "body")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":[]}""", "invalid_request", null)]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"scripted"}}""", "invalid_request", "messages")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"Hi"}]}}""", "invalid_request", "model")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"other","messages":[{"role":"user","content":"Hi"}]}}""", "model_not_found", "model")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"stream":true}}""", "invalid_request", "stream")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"n":200}}""", "invalid_request", "n")]
    public void Parse_BadLine_SaysWhatIsWrong(string text, string code, string? parameter)
    {
        BatchLine line = Parse(text);

        Assert.Null(line.Request);
        Assert.Equal((code, 1, parameter), (line.Error!.Code, line.Error.Line, line.Error.Parameter));
        Assert.DoesNotContain('\n', line.Error.Message);
    }

    [Fact]
    public void Parse_LongestCustomId_IsAllowed()
    {
        Assert.Null(Parse(BatchAccount.Line(new string('x', 512))).Error);
        Assert.Equal("custom_id", Parse(BatchAccount.Line(new string('x', 513))).Error!.Parameter);
    }

    [Fact]
    public void Parse_DeepOrHuge_IsABadLine()
    {
        Assert.Equal("invalid_json_line", Parse(string.Concat(Enumerable.Repeat("""{"a":""", 10_000))).Error!.Code);
        Assert.Equal("line_too_long", new BatchLineParser(BatchAccount.Endpoint, Model).Parse(new FileLine(1, 0, 1 << 30, null)).Error!.Code);
    }

    [Fact]
    public async Task Split_ManyLines_AreInChunksThatCoverThem()
    {
        string[] lines = [.. Enumerable.Range(0, 5000).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":1"))];

        BatchPlan plan = await SplitAsync(lines, new ChunkLimits(900, 1e9, 0));

        Assert.Equal(5000, plan.Lines);
        Assert.Equal([1000, 1000, 1000, 1000, 1000], plan.Chunks.Select(chunk => chunk.Lines));
        Assert.Equal([1, 1001, 2001, 3001, 4001], plan.Chunks.Select(chunk => chunk.FirstLine));
        await CheckAsync(plan, string.Join('\n', lines));
    }

    [Fact]
    public async Task Split_SlowDevice_MakesSmallChunksButNotTooMany()
    {
        string[] lines = [.. Enumerable.Range(0, 3000).Select(i => BatchAccount.Line($"{i}"))];
        long bytes = lines.Sum(line => line.Length + 1);

        Assert.Equal(3000, (await SplitAsync(lines, new ChunkLimits(1, 0.01, bytes))).Chunks.Count);
        // An input of 200 MiB: as many chunks as its share of it allows.
        Assert.InRange((await SplitAsync(lines, new ChunkLimits(1, 0.01, 200L << 20))).Chunks.Count, 10, 40);
    }

    [Fact]
    public async Task Split_MoreTimeForAChunk_PutsMoreIntoIt()
    {
        string[] lines = [.. Enumerable.Range(0, 400).Select(i => BatchAccount.Line($"{i}", more: ",\"max_tokens\":100"))];

        int few = (await SplitAsync(lines, new ChunkLimits(10, 500, 0))).Chunks.Count;
        int many = (await SplitAsync(lines, new ChunkLimits(5, 500, 0))).Chunks.Count;

        Assert.InRange(many, 2 * few - 2, 2 * few + 2);
    }

    [Fact]
    public async Task Split_BigLines_AreInChunksOfAtMostSoManyBytes()
    {
        string[] lines = [.. Enumerable.Range(0, 30).Select(i => BatchAccount.Line($"{i}", new string('x', 900_000)))];

        BatchPlan plan = await SplitAsync(lines, new ChunkLimits(900, 1e9, 0));

        Assert.All(plan.Chunks, chunk => Assert.InRange(chunk.Length, 1, ChunkLimits.MaxBytes + LineReader.MaxLineBytes));
        Assert.InRange(plan.Chunks.Count, 3, 5);
    }

    [Fact]
    public async Task Split_TooManyLines_IsRefused()
    {
        using var input = new MemoryStream(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("x\n", BatchSplitter.MaxLines + 1))));

        BatchPlan plan = await new BatchSplitter(new BatchLineParser(BatchAccount.Endpoint, Model), Small).SplitAsync(input, Cancel);

        Assert.Empty(plan.Chunks);
        Assert.Equal("too_many_lines", Assert.Single(plan.Errors).Code);
    }

    [Fact]
    public void Split_AnyFile_AddsUpAndItsChunksReadTheSame()
    {
        Gen<string> id = Gen.OneOf("a", "b", "c", "d", "e", "f", "g");
        Gen<string> line = Gen.OneOf(
            id.Select(name => BatchAccount.Line(name)),
            Gen.Guid.Select(name => BatchAccount.Line($"{name}", more: ",\"max_tokens\":200")),
            Gen.OneOf("", "  ", "\t", "{}", "null", "[", "\u00e4", "{\"custom_id\":\"a\"}", "\ud83d\ude00", "\"\\ud800\""),
            Gen.Select(Gen.Int[0, Good.Length - 1], Gen.Char['\u0001', '\u00ff']).Select((at, value) => Good[..at] + value + Good[(at + 1)..]),
            Gen.String[0, 50]);
        Gen<string> end = Gen.OneOf("\n", "\r\n", "\n\n");
        Gen.Select(Gen.Select(line, end).Array[0, 30], Gen.Bool, Gen.Bool).Sample(
            (lines, mark, noLastEnd) =>
            {
                string text = (mark ? "\uFEFF" : "") + string.Concat(lines.Select(piece => piece.Item1 + piece.Item2));
                if (noLastEnd) text = text.TrimEnd('\r', '\n');
                using var input = new MemoryStream(Encoding.UTF8.GetBytes(text));
                BatchPlan plan = new BatchSplitter(new BatchLineParser(BatchAccount.Endpoint, Model), Small).SplitAsync(input, Cancel).GetAwaiter().GetResult();
                CheckAsync(plan, text).GetAwaiter().GetResult();
            },
            iter: 300);
    }

    /// <summary>What the chunks' workers read is what the splitter counted: every line once, custom_ids unique, the first bad lines as told.</summary>
    private static async Task CheckAsync(BatchPlan plan, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var lines = new List<BatchLine>();
        await foreach (FileLine line in LineReader.ReadAsync(new MemoryStream(bytes), 0, 1, Cancel))
        {
            if (!line.IsBlank) lines.Add(new BatchLineParser(BatchAccount.Endpoint, Model).Parse(line));
        }
        Assert.Equal(lines.Count, plan.Lines);

        var read = new List<BatchLine>();
        foreach (BatchChunk chunk in plan.Chunks)
        {
            int before = read.Count;
            using var part = new MemoryStream(bytes, (int)chunk.Offset, (int)chunk.Length);
            await foreach (FileLine line in LineReader.ReadAsync(part, chunk.Offset, chunk.FirstLine, Cancel))
            {
                if (line.IsBlank) continue;
                BatchLine parsed = new BatchLineParser(BatchAccount.Endpoint, Model).Parse(line);
                read.Add(chunk.Duplicates.Contains(parsed.Number) ? BatchLineParser.Duplicate(parsed) : parsed);
            }
            Assert.Equal(chunk.Lines, read.Count - before);
            Assert.Equal(chunk.FirstLine, read[before].Number);
        }
        if (lines.Count == 0)
        {
            Assert.Equal("empty_file", Assert.Single(plan.Errors).Code);
            return;
        }
        Assert.Equal(lines.Select(line => (line.Number, line.CustomId)), read.Select(line => (line.Number, line.CustomId)));
        BatchLine[] good = [.. read.Where(line => line.Error is null)];
        Assert.Equal(good.Length == 0, plan.HasNoRequest);
        // A good line is only refused because an earlier one has its name.
        Assert.All(
            lines.Where(line => line.Error is null && !good.Any(kept => kept.Number == line.Number)),
            line => Assert.Contains(lines, other => other.Number < line.Number && other.CustomId == line.CustomId));
        Assert.Equal(good.Length, good.Select(line => line.CustomId).Distinct().Count());
        Assert.Equal(read.Where(line => line.Error is not null).Take(100).Select(line => line.Error!), plan.Errors);
    }

    private static Task<BatchPlan> SplitAsync(IEnumerable<string> lines, ChunkLimits limits) =>
        new BatchSplitter(new BatchLineParser(BatchAccount.Endpoint, Model), limits)
            .SplitAsync(new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines))), Cancel);

    private static FileLine Line(string text) => new(1, 0, text.Length + 1, Encoding.UTF8.GetBytes(text));

    private static BatchLine Parse(string text) => new BatchLineParser(BatchAccount.Endpoint, Model).Parse(Line(text));
}
