using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Text;

public sealed class GemmaTokenizerTests
{
    [Fact]
    public void Load_GoogleVocabulary_FindsControlTokens()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        Assert.Equal(256_000, tokenizer.VocabularySize);
        Assert.Equal((0, 1, 2, 3), (tokenizer.Pad, tokenizer.Eos, tokenizer.Bos, tokenizer.Unknown));
        Assert.Equal((106, 107), (tokenizer.StartOfTurn, tokenizer.EndOfTurn));
        Assert.Equal("▁▁", tokenizer.Piece(139));
        Assert.Equal("<0xFF>", tokenizer.Piece(472));
    }

    [Fact]
    public void TryGetBytes_OfEachToken_AreWhatItAddsToAText()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        for (int id = 0; id < tokenizer.VocabularySize; id++)
        {
            bool isPart = tokenizer.TryGetBytes(id, out byte[] bytes);
            Assert.Equal(isPart, bytes.Length > 0);
            Assert.Equal(tokenizer.IsControl(id), !isPart);
            if (isPart && bytes is not [>= 0x80]) Assert.Equal(tokenizer.Decode([id]), Encoding.UTF8.GetString(bytes));
        }

        Assert.True(tokenizer.TryGetBytes(472, out byte[] last));
        Assert.Equal([0xFF], last);
        Assert.Throws<InvalidRequestException>(() => tokenizer.TryGetBytes(tokenizer.VocabularySize, out _));
    }

    [Fact]
    public void Encode_GoogleVectors_EqualSentencePiece()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        CheckAll("encode.json", 216, entry => (entry.Ids("ids"), tokenizer.Encode(entry.Text("text"))));
    }

    [Fact]
    public void Encode_GoogleVectorsSpecial_EqualHuggingFace()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        CheckAll("encode.json", 216, entry => (entry.Ids(entry.Has("hf_ids") ? "hf_ids" : "ids"), tokenizer.Encode(entry.Text("text"), special: true)));
    }

    [Fact]
    public void Encode_GoogleVectorsOfInvalidUtf8_EqualSentencePiece()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        CheckAll("invalid_utf8.json", 14, entry => (entry.Ids("ids"), tokenizer.Encode(Convert.FromHexString(entry.Text("bytes_hex")))));
    }

    [Fact]
    public void Decode_GoogleVectors_EqualTexts()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        CheckAll("decode.json", 62, entry => (entry.Text(entry.Has("invalid_utf8") ? "standard_replacement_text" : "text"), tokenizer.Decode(entry.Ids("ids"))));
    }

    [Fact]
    public void Decode_EncodedGoogleVectors_GivesTheTextBack()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        CheckAll("encode.json", 216, entry => (entry.Text(entry.Has("decoded") ? "decoded" : "text"), tokenizer.Decode(entry.Ids("ids"))));
    }

    [Fact]
    public void Encode_SmallVectors_EqualSentencePiece() =>
        CheckAll("small.json", 300, entry => (entry.Ids("ids"), Vocabularies.Small.Encode(entry.Text("text"))));

    [Fact]
    public void Encode_NamesOfControlTokens_AreIdsOnlyWhenSpecial()
    {
        GemmaTokenizer tokenizer = Vocabularies.Small;
        Assert.Equal([tokenizer.Bos, tokenizer.StartOfTurn, tokenizer.Unknown], tokenizer.Encode("<bos><start_of_turn><unk>", special: true));
        int[] plain = tokenizer.Encode("<bos><start_of_turn><unk>");
        Assert.Contains(tokenizer.StartOfTurn, plain);
        Assert.DoesNotContain(tokenizer.Bos, plain);
        Assert.DoesNotContain(tokenizer.Unknown, plain);
    }

    [Fact]
    public void EncodeContent_LongRunOfSpaces_TakesTheLongestPieceFirst()
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        string text = $"a{new string(' ', 40)}.b";
        Assert.Equal(tokenizer.Encode(text), tokenizer.EncodeContent(text));
        Assert.NotEqual(tokenizer.Encode(text, special: true), tokenizer.EncodeContent(text));
    }

    [Fact]
    public void Encode_AnyText_DecodesToItself() =>
        Gen.Select(Gen.OneOf(Gen.String, Gen.String[Gen.Char["ab <>\n\t0\u2581"], 0, 60]), Gen.Bool).Sample((text, special) =>
        {
            text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(text.Replace('\u2581', ' '), Vocabularies.Small.Decode(Vocabularies.Small.Encode(text, special)));
        });

    [Fact]
    public void Encode_AnyBytes_EqualsTextWithEachWrongByteReplaced() =>
        Gen.OneOf(Gen.Byte.Array[0, 40], Gen.String.Select(Encoding.UTF8.GetBytes)).Sample(bytes =>
            Assert.Equal(Vocabularies.Small.Encode(ReplaceWrongBytes(bytes)), Vocabularies.Small.Encode(bytes)));

    [Fact]
    public void Encode_HalfSurrogates_CountAsReplacementCharacter() =>
        Assert.Equal(Vocabularies.Small.Encode("a\uFFFDb\uFFFD"), Vocabularies.Small.Encode("a\uD83Db\uDE00"));

    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData(" ")]
    [InlineData("<")]
    [InlineData("字")]
    [InlineData("ha")]
    [InlineData("thequickbrownfoxjumps")]
    public void Encode_MegabyteWithoutWords_DecodesToItself(string unit)
    {
        GemmaTokenizer tokenizer = Vocabularies.Google;
        string text = string.Concat(Enumerable.Repeat(unit, (1 << 20) / unit.Length));
        Assert.True(text == tokenizer.Decode(tokenizer.Encode(text)), "SentencePiece way");
        Assert.True(text == tokenizer.Decode(tokenizer.Encode(text, special: true)), "Hugging Face way");
    }

    [Fact]
    public void Encode_ManyThreads_EqualsOneThread()
    {
        IReadOnlyList<JsonElement> entries = GoldenTokenizer.Vectors("small.json");
        Parallel.For(0, 4 * entries.Count, i => Assert.Equal(entries[i % entries.Count].Ids("ids"), Vocabularies.Small.Encode(entries[i % entries.Count].Text("text"))));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(700)]
    public void Decode_IdOutsideVocabulary_IsRefused(int id)
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => Vocabularies.Small.Decode([5, id]));
        Assert.Equal($"token id {id} is not in the vocabulary; allowed is 0 to 699.", error.Message);
    }

    /// <summary>Compares all entries and shows those that differ.</summary>
    private static void CheckAll<T>(string file, int count, Func<JsonElement, (T Expected, T Actual)> compare)
    {
        IReadOnlyList<JsonElement> entries = GoldenTokenizer.Vectors(file);
        Assert.Equal(count, entries.Count);
        Assert.All(entries, entry =>
        {
            (T expected, T actual) = compare(entry);
            Assert.Equal(expected, actual);
        });
    }

    private static string ReplaceWrongBytes(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        while (!bytes.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            text.Append(valid ? rune.ToString() : "\uFFFD");
            bytes = bytes[(valid ? length : 1)..];
        }

        return text.ToString();
    }
}
