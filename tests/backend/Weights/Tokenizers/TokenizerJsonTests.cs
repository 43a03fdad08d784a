using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Text;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Tokenizers;

public sealed class TokenizerJsonTests
{
    private static readonly byte[] Small = TokenizerJsonFile.Of(Vocabularies.Small, asPairs: false);

    [Theory, InlineData(false), InlineData(true)]
    public void Encode_GoogleVectors_EqualHuggingFace(bool asPairs)
    {
        GemmaTokenizer tokenizer = TokenizerReader.ReadJson(TokenizerJsonFile.Of(Vocabularies.Google, asPairs), "tokenizer.json");
        IReadOnlyList<JsonElement> entries = GoldenTokenizer.Vectors("encode.json");
        Assert.Equal(216, entries.Count);
        Assert.All(entries, entry => Assert.Equal(entry.Ids(entry.Has("hf_ids") ? "hf_ids" : "ids"), tokenizer.Encode(entry.Text("text"), special: true)));
        Assert.All(entries, entry => Assert.Equal(entry.Ids("ids"), tokenizer.Encode(entry.Text("text"))));
        Assert.All(entries, entry => Assert.Equal(Vocabularies.Google.EncodeContent(entry.Text("text")), tokenizer.EncodeContent(entry.Text("text"))));
        Assert.All(
            GoldenTokenizer.Vectors("decode.json"),
            entry => Assert.Equal(entry.Text(entry.Has("invalid_utf8") ? "standard_replacement_text" : "text"), tokenizer.Decode(entry.Ids("ids"))));
    }

    [Fact]
    public async Task Open_FolderWithoutTokenizerModel_AnswersAsWithIt()
    {
        MemoryModelSource source = MemoryModelSource.Of(NanoModel.Folder);
        GemmaTokenizer original = await TokenizerReader.ReadAsync(source, TestContext.Current.CancellationToken);
        source.Files["tokenizer.json"] = TokenizerJsonFile.Of(original, asPairs: true);
        source.Files.Remove("tokenizer.model");
        await using OpenModel model = await ModelReader.OpenAsync(source, TestContext.Current.CancellationToken);
        using MemoryStream file = new();
        await ModelQuantizer.WriteAsync(source, new QuantizeOptions(WeightType.F16), file, cancellationToken: TestContext.Current.CancellationToken);
        GemmaTokenizer written = await TokenizerReader.ReadAsync(new MemoryModelSource(("nano.gguf", file.ToArray())), TestContext.Current.CancellationToken);
        foreach (string text in (string[])["The secret code is 51996.", "  spaces\n\nand\tüñí🙂", "<start_of_turn>user\n"])
        {
            Assert.Equal(original.Encode(text, special: true), model.Tokenizer!.Encode(text, special: true));
            Assert.Equal(original.Encode(text), written.Encode(text));
        }

        Assert.Empty(model.Config.SpareTokens);
    }

    [Fact]
    public void Read_IgnoreMerges_TakesWholeTexts()
    {
        string word = Enumerable.Range(0, 700).Select(id => Vocabularies.Small.Vocabulary[id]).First(piece => piece.Type == PieceType.Normal && piece.Text.Length == 3 && !piece.Text.Contains('▁')).Text;
        byte[] without = TokenizerJsonFile.With(Small, root => root["model"]!["merges"] = new JsonArray());
        Assert.Equal(3, TokenizerReader.ReadJson(without, "t").Encode(word, special: true).Length);
        byte[] ignoring = TokenizerJsonFile.With(without, root => root["model"]!["ignore_merges"] = true);
        Assert.Single(TokenizerReader.ReadJson(ignoring, "t").Encode(word, special: true));
    }

    [Fact]
    public void Read_AddedTokens_HaveTheirRules()
    {
        byte[] file = TokenizerJsonFile.With(Small, root => root["added_tokens"]!.AsArray().Add(JsonNode.Parse(
            """{"id": 702, "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": true, "normalized": false, "special": true}""")));
        GemmaTokenizer tokenizer = TokenizerReader.ReadJson(file, "t");
        Assert.Equal((703, true), (tokenizer.VocabularySize, tokenizer.IsControl(702)));
        Assert.Equal([700, 701], tokenizer.SpareTokens);
        Assert.Equal([.. tokenizer.Encode("a"), 702, .. tokenizer.Encode("b")], tokenizer.Encode("a<|im_end|>   b", special: true));
    }

    [Theory]
    [InlineData("normalizer", """{"type":"NFC"}""", "normalizer is \"NFC\"; supported are Sequence, Replace, Prepend and Lowercase.")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"StripAccents"}]}""", "normalizer.normalizers[0] is \"StripAccents\";")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":" +"},"content":"_"}""", "normalizer.pattern must be {\"String\": ...}")]
    [InlineData("normalizer", """5""", "normalizer must be an object with a type.")]
    [InlineData("pre_tokenizer", """{"type":"ByteLevel"}""", "pre_tokenizer is \"ByteLevel\"; supported are Sequence, Split and Metaspace.")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":"a"},"behavior":"Isolated"}""", "pre_tokenizer cuts texts at \"a\"")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false}""", "pre_tokenizer.prepend_scheme must be \"never\".")]
    [InlineData("decoder", """{"type":"WordPiece"}""", "decoder is \"WordPiece\";")]
    [InlineData("added_tokens", """{}""", "added_tokens is an object; allowed is an array of tokens.")]
    [InlineData("added_tokens", """[{"id":-1,"content":"a"}]""", "added_tokens[0] must be an object with an id from 0 to 1048575.")]
    [InlineData("added_tokens", """[{"id":5,"content":"a"},{"id":5,"content":"b"}]""", "added_tokens[1] has the id 5, which a token before it has.")]
    [InlineData("model", """null""", "model must be a JSON object.")]
    [InlineData("model.type", "\"Unigram\"", "model.type is \"Unigram\"; allowed is \"BPE\".")]
    [InlineData("model.dropout", "0.1", "model.dropout is 0.1; allowed is null.")]
    [InlineData("model.end_of_word_suffix", "\"_w\"", "model.end_of_word_suffix is \"_w\"; allowed is null.")]
    [InlineData("model.byte_fallback", "false", "model.byte_fallback is not true")]
    [InlineData("model.merges", """["a"]""", "model.merges[0] must be two texts")]
    [InlineData("model.merges", """[["a"]]""", "model.merges[0] must be two texts")]
    [InlineData("model.merges", """[["a","b","c"]]""", "model.merges[0] must be two texts")]
    [InlineData("model.merges", """["zq qz"]""", "model.merges[0] names zq, which model.vocab does not have.")]
    [InlineData("model.merges", """{}""", "model.merges must be an array.")]
    [InlineData("model.vocab", """{"a":"b"}""", "model.vocab has no id from 0 to 1048575 for a.")]
    [InlineData("model.vocab", """{"a":1,"b":1}""", "model.vocab gives a and b the same id, 1.")]
    [InlineData("model.vocab", """{"a":1048576}""", "model.vocab has no id from 0 to 1048575 for a.")]
    [InlineData("model.vocab", """{}""", "")]
    public void Read_WhatIsNotSupported_NamesFileAndKey(string key, string json, string reason)
    {
        byte[] file = TokenizerJsonFile.With(Small, root =>
        {
            string[] path = key.Split('.');
            (path.Length == 1 ? root : root[path[0]]!)[path[^1]] = JsonNode.Parse(json);
        });
        ModelException error = Assert.Throws<ModelException>(() => TokenizerReader.ReadJson(file, "m/tokenizer.json"));
        Assert.StartsWith("m/tokenizer.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory, InlineData("[]"), InlineData("{}"), InlineData(""), InlineData("{\"model\": {}, \"model\": {}}"), InlineData("{\"added_tokens\": [{\"id\": 0, \"content\": \"\\ud800\"}]}")]
    public void Read_NoTokenizer_IsRefused(string json) => Assert.StartsWith(
        "t.json: ", Assert.Throws<ModelException>(() => TokenizerReader.ReadJson(Encoding.UTF8.GetBytes(json), "t.json")).Message, StringComparison.Ordinal);

    [Theory, InlineData("""{"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""", "The Sea", "the sea")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""", "the sea", " the sea")]
    public void Read_Normalizer_ChangesTexts(string normalizer, string text, string same)
    {
        byte[] file = TokenizerJsonFile.With(Small, root => root["normalizer"] = JsonNode.Parse(normalizer));
        Assert.Equal(TokenizerReader.ReadJson(Small, "t").Encode(same, special: true), TokenizerReader.ReadJson(file, "t").Encode(text, special: true));
    }

    [Fact]
    public void Read_ChangedBytes_IsRefusedOrWorks()
    {
        // Bytes that mean something in JSON come more often than chance would have it.
        byte[] likely = "{}[],:\"0129-.eEntf\\ "u8.ToArray();
        var random = new Random(16);
        for (int run = 0; run < 3000; run++)
        {
            byte[] file = [.. Small];
            for (int change = random.Next(1, 5); change > 0; change--)
                file[random.Next(file.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : likely[random.Next(likely.Length)];
            ReadsOrNamesTheFile(file);
        }
    }

    [Fact]
    public void Read_CutFile_IsRefused()
    {
        for (int length = 0; length < Small.Length; length += 101) ReadsOrNamesTheFile(Small[..length]);
    }

    private static void ReadsOrNamesTheFile(byte[] file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            GemmaTokenizer tokenizer = TokenizerReader.ReadJson(file, "t.json");
            tokenizer.Decode(tokenizer.Encode("Ada writes <b>two</b> letters  \n 😀", special: true));
        }
        catch (ModelException error)
        {
            Assert.StartsWith("t.json", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }

        // An id may be as high as a million.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 << 20);
    }
}
