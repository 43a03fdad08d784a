using System.Text;
using CsCheck;
using Gemma2.Service.Batches;
using Gemma2.Storage.Files;

namespace Gemma2.Functions.Tests.Batches;

public sealed class LineReaderTests
{
    [Theory]
    [InlineData("", new string[0])]
    [InlineData("a", new[] { "a" })]
    [InlineData("a\n", new[] { "a" })]
    [InlineData("a\r\nb\r\n", new[] { "a", "b" })]
    [InlineData("a\n\n\nb", new[] { "a", "", "", "b" })]
    [InlineData("\uFEFFa\n\uFEFFb", new[] { "a", "\uFEFFb" })]
    [InlineData("\uFEFF", new[] { "" })]
    [InlineData("\r\n", new[] { "" })]
    [InlineData("a\rb\n", new[] { "a\rb" })]
    public async Task Read_Text_GivesItsLines(string text, string[] lines)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);

        List<(FileLine Line, string? Text)> read = await ReadAsync(bytes, int.MaxValue);

        Assert.Equal(lines, read.Select(line => line.Text));
        Assert.Equal(Enumerable.Range(1, lines.Length), read.Select(line => line.Line.Number));
        Assert.Equal(bytes.Length, read.Sum(line => line.Line.Length));
    }

    [Theory]
    [InlineData(LineReader.MaxLineBytes, false)]
    [InlineData(LineReader.MaxLineBytes + 1, true)]
    [InlineData(20 << 20, true)]
    public async Task Read_LongLine_IsCountedButNotKept(int bytes, bool isTooLong)
    {
        // With its line end, and as a last line without one.
        byte[] line = [.. Enumerable.Repeat((byte)'x', bytes - 1), (byte)'\n'];
        byte[] content = [.. "a\n"u8, .. line, .. "b\n"u8, .. line[..^1], (byte)'x'];

        List<(FileLine Line, string? Text)> read = await ReadAsync(content, 50_000);

        Assert.Equal([1, 2, 3, 4], read.Select(found => found.Line.Number));
        Assert.Equal([2, bytes, 2, bytes], read.Select(found => found.Line.Length));
        Assert.Equal([false, isTooLong, false, isTooLong], read.Select(found => found.Text is null));
        Assert.Equal(("a", "b"), (read[0].Text, read[2].Text));
    }

    [Fact]
    public void Read_AnyBytesInAnyPieces_CoversThemWithoutGaps() =>
        Gen.Select(Gen.OneOf((byte)'\n', (byte)'\r', (byte)'a', (byte)0xEF, (byte)0xBB, (byte)0xBF, (byte)' ').Array[0, 300], Gen.Int[1, 50]).Sample(
            (bytes, piece) =>
            {
                List<(FileLine Line, string? Text)> read = ReadAsync(bytes, piece).GetAwaiter().GetResult();
                long offset = 0;
                foreach ((FileLine line, _) in read)
                {
                    Assert.Equal(offset, line.Offset);
                    offset += line.Length;
                }
                Assert.Equal(bytes.Length, offset);
                Assert.Equal(bytes.Count(value => value == '\n') + (bytes.Length > 0 && bytes[^1] != '\n' ? 1 : 0), read.Count);
            },
            iter: 500);

    private static async Task<List<(FileLine Line, string? Text)>> ReadAsync(byte[] bytes, int piece)
    {
        var lines = new List<(FileLine, string?)>();
        await foreach (FileLine line in LineReader.ReadAsync(new PieceStream(bytes, piece), 0, 1, TestContext.Current.CancellationToken))
            lines.Add((line, line.Text is { } text ? Encoding.UTF8.GetString(text.Span) : null));
        return lines;
    }

    /// <summary>Gives a few bytes a read, as a network does.</summary>
    private sealed class PieceStream(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, piece)], cancellationToken);
    }
}
