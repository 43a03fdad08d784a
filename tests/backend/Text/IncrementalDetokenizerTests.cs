using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Text;

public sealed class IncrementalDetokenizerTests
{
    [Fact]
    public void Append_GoogleVectors_GivesTheirChunks()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        IReadOnlyList<JsonElement> entries = GoldenTokenizer.Vectors("incremental.json");
        Assert.Equal(58, entries.Count);
        Assert.All(entries, entry =>
        {
            IncrementalDetokenizer detokenizer = new(tokenizer);
            Assert.Equal(entry.GetProperty("chunks").EnumerateArray().Select(chunk => chunk.GetString()), entry.Ids("ids").Select(detokenizer.Append));
            Assert.Equal(entry.Text("flush"), detokenizer.Flush());
        });
    }

    /// <summary>Byte pieces of the small vocabulary are mixed with others; all bytes together are decoded in one go by the platform.</summary>
    [Fact]
    public void Append_AnyTokens_GivesWholeCharactersAndTheSameTextAsAtOnce() =>
        Gen.OneOf(Gen.Int[0, 699].Where(id => id != 3), AnyByte, Gen.Int[0xE0, 0xF4].Select(ByteId), Gen.Int[0x80, 0xBF].Select(ByteId)).Array[0, 40].Sample(ids =>
        {
            IncrementalDetokenizer detokenizer = new(Vocabularies.Small);
            string[] chunks = [.. ids.Select(detokenizer.Append), detokenizer.Flush()];
            Assert.All(chunks, chunk => Assert.DoesNotContain(chunk.EnumerateRunes(), rune => rune == Rune.ReplacementChar && !chunk.Contains('\uFFFD')));
            Assert.Equal(Encoding.UTF8.GetString([.. ids.SelectMany(Bytes)]), string.Concat(chunks));
            Assert.Equal(Vocabularies.Small.Decode(ids), string.Concat(chunks));
        }, iter: 5000);

    [Fact]
    public void Append_ControlTokenInsideCharacter_KeepsItsBytes()
    {
        IncrementalDetokenizer detokenizer = new(Vocabularies.Small);
        Assert.Equal(["", "", "é"], new[] { ByteId(0xC3), Vocabularies.Small.Bos, ByteId(0xA9) }.Select(detokenizer.Append));
    }

    [Fact]
    public void Append_NothingToShow_AllocatesNothing()
    {
        IncrementalDetokenizer detokenizer = new(Vocabularies.Small);
        int first = ByteId(0xF0), end = Vocabularies.Small.Eos;
        detokenizer.Append(first);
        detokenizer.Append(end);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) detokenizer.Append(end);
        detokenizer.Append(ByteId(0x9F));
        detokenizer.Append(ByteId(0x98));
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal("😀", detokenizer.Append(ByteId(0x80)));
    }

    private static readonly Gen<int> AnyByte = Gen.Int[0, 255].Select(ByteId);

    private static int ByteId(int value) => Vocabularies.FirstSmallByte + value;

    private static byte[] Bytes(int id)
    {
        string piece = Vocabularies.Small.Piece(id);
        return id switch
        {
            0 or 1 or 2 => [],
            _ when id - Vocabularies.FirstSmallByte is >= 0 and < 256 => [(byte)(id - Vocabularies.FirstSmallByte)],
            _ => Encoding.UTF8.GetBytes(piece.Replace('\u2581', ' ')),
        };
    }
}
