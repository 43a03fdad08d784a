using System.Text;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tests.Text;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Tokenizers;

/// <summary>A vocabulary of 700 pieces with what the files beside it add.</summary>
public sealed class FolderVocabularyTests
{
    private const string Config = "tokenizer_config.json", Special = "special_tokens_map.json", Added = "added_tokens.json";
    private static readonly byte[] SmallModel = File.ReadAllBytes(GoldenTokenizer.SmallModelPath);

    [Fact]
    public async Task Read_AddedTokens_AreFoundWholeAndEndWhereTheyEnd()
    {
        GemmaTokenizer tokenizer = await ReadAsync((Added, """{"<|im_start|>": 700, "<tool_call>": 701}"""));
        Assert.Equal(702, tokenizer.VocabularySize);
        Assert.Equal([700, .. tokenizer.Encode("user\nHi"), 701], tokenizer.Encode("<|im_start|>user\nHi<tool_call>", special: true));
        // What looks like a mark for the model is text in a text; another token is found everywhere.
        Assert.DoesNotContain(700, tokenizer.Encode("<|im_start|>"));
        Assert.DoesNotContain(700, tokenizer.EncodeContent("<|im_start|>"));
        Assert.Equal([701], tokenizer.EncodeContent("<tool_call>"));
        Assert.Equal((true, false), (tokenizer.IsControl(700), tokenizer.IsControl(701)));
        Assert.Equal(("", "<tool_call>"), (tokenizer.Decode([700]), tokenizer.Decode([701])));
    }

    [Theory]
    [InlineData(Config, """{"added_tokens_decoder": {"700": {"content": "[SEP]", "special": true}}}""")]
    [InlineData(Config, """{"additional_special_tokens": ["[SEP]"], "added_tokens_decoder": {"700": {"content": "[SEP]", "special": false}}}""")]
    [InlineData(Special, """{"additional_special_tokens": ["[SEP]", {"content": "<x>", "lstrip": false}]}""", Added, """{"[SEP]": 700}""")]
    [InlineData(Special, """{"eos_token": {"content": "[SEP]", "single_word": false}, "pad_token": null}""", Added, """{"[SEP]": 700}""")]
    public async Task Read_SpecialTokens_StandForNoText(string file, string json, string? other = null, string otherJson = "")
    {
        GemmaTokenizer tokenizer = await ReadAsync(other is null ? [(file, json)] : [(file, json), (other, otherJson)]);
        Assert.True(tokenizer.IsControl(700));
        Assert.Equal([700], tokenizer.Encode("[SEP]", special: true));
        Assert.DoesNotContain(700, tokenizer.EncodeContent("[SEP]"));
    }

    [Fact]
    public async Task Read_AddedTokenOfBothFiles_IsThatOfTheNewerOne()
    {
        GemmaTokenizer tokenizer = await ReadAsync((Config, """{"added_tokens_decoder": {"700": {"content": "<new>"}}}"""), (Added, """{"<old>": 700, "<more>": 701}"""));
        Assert.Equal(("<new>", "<more>"), (tokenizer.Piece(700), tokenizer.Piece(701)));
    }

    [Fact]
    public async Task Read_RenamedTurns_LoadsAndHasNone()
    {
        int start = Vocabularies.Small.StartOfTurn, end = Vocabularies.Small.EndOfTurn;
        GemmaTokenizer tokenizer = await ReadAsync(
            (Config, $$"""{"added_tokens_decoder": {"{{start}}": {"content": "<|im_start|>", "special": true}, "{{end}}": {"content": "<|im_end|>", "special": true} } }"""));
        Assert.Equal((GemmaTokenizer.None, GemmaTokenizer.None), (tokenizer.StartOfTurn, tokenizer.EndOfTurn));
        Assert.Equal([start, end], tokenizer.Encode("<|im_start|><|im_end|>", special: true));
        Assert.True(tokenizer.IsControl(end));
        Assert.DoesNotContain(start, tokenizer.Encode("<start_of_turn>", special: true));
    }

    [Theory]
    [InlineData("\"normalized\": false, \"lstrip\": true", "a  <x> b", new[] { "a", "<x>", " b" })]
    [InlineData("\"normalized\": false, \"rstrip\": true", "a  <x> \t b<x>", new[] { "a  ", "<x>", "b", "<x>" })]
    [InlineData("\"single_word\": true", "a<x>b <x> <x>é", new[] { "a<x>b ", "<x>", " <x>é" })]
    [InlineData("\"special\": true, \"lstrip\": true, \"rstrip\": true", " <x> <x> ", new[] { "<x>", "<x>" })]
    [InlineData("\"normalized\": true", "a <x>", new[] { "a ", "<x>" })]
    public async Task Encode_RulesOfAToken_AreThoseOfHuggingFace(string rules, string text, string[] parts)
    {
        GemmaTokenizer tokenizer = await ReadAsync((Config, $$"""{"added_tokens_decoder": {"700": {"content": "<x>", {{rules}} } } }"""));
        GemmaTokenizer plain = Vocabularies.Small;
        Assert.Equal(parts.SelectMany(part => part == "<x>" ? [700] : plain.Encode(part, special: true)), tokenizer.Encode(text, special: true));
    }

    [Fact]
    public async Task Read_IdsBetween_AreSpare()
    {
        GemmaTokenizer tokenizer = await ReadAsync((Added, """{"<x>": 703}"""));
        Assert.Equal([700, 701, 702], tokenizer.SpareTokens);
        Assert.False(tokenizer.TryGetBytes(701, out _));
        Assert.DoesNotContain(701, tokenizer.Encode("[PAD701]", special: true));
    }

    [Fact]
    public async Task Open_TokensWithoutRows_AreLeftAsideAndTold()
    {
        await using OpenModel model = await ModelReader.OpenAsync(GrownNano.Of(new int[1], (Added, """{"<a>": 2048, "<b>": 2049}""")), TestContext.Current.CancellationToken);
        Assert.Equal(2049, model.Tokenizer!.VocabularySize);
        Assert.Contains("added token \"<b>\" (2049): left aside, as the embedding has no rows for what was added behind its 2049.", model.Description.Notes);
    }

    [Theory]
    [InlineData(Added, """{"<x>": -1}""", "<x> is -1; allowed is a token id from 0 to 1048575.")]
    [InlineData(Added, """{"<x>": 1048576}""", "<x> is 1048576; allowed is")]
    [InlineData(Added, """{"<x>": "700"}""", "<x> is \"700\"; allowed is")]
    [InlineData(Added, """{"": 700}""", "has a token without text.")]
    [InlineData(Added, """["<x>"]""", "must be a JSON object")]
    [InlineData(Added, """{"<x>": 700, "<x>": 701}""", "is not usable JSON")]
    [InlineData(Config, """{"added_tokens_decoder": {"x": {"content": "<x>"}}}""", "added_tokens_decoder.x: the key must be a token id from 0 to 1048575.")]
    [InlineData(Config, """{"added_tokens_decoder": {"700": {"special": true}}}""", "added_tokens_decoder.700 has no content.")]
    [InlineData(Config, """{"added_tokens_decoder": {"700": {"content": ""}}}""", "added_tokens_decoder.700.content is \"\"; allowed is a text that is not empty.")]
    [InlineData(Config, """{"added_tokens_decoder": {"700": {"content": "<x>", "lstrip": 1}}}""", "added_tokens_decoder.700.lstrip is 1; allowed is true or false.")]
    [InlineData(Config, """{"added_tokens_decoder": [1]}""", "added_tokens_decoder is an array; allowed is an object of ids and tokens.")]
    [InlineData(Config, """{"bos_token": 2}""", "bos_token is 2; allowed is a text that is not empty.")]
    [InlineData(Special, """{"additional_special_tokens": "<x>"}""", "additional_special_tokens is \"<x>\"; allowed is an array of tokens.")]
    [InlineData(Special, """{"additional_special_tokens": [1]}""", "additional_special_tokens[0] is 1; allowed is")]
    public async Task Read_MalformedFile_NamesFileAndKey(string file, string json, string reason)
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ReadAsync((file, json)));
        Assert.StartsWith($"memory/{file}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_AddedTokenThatIsThereAlready_NamesBoth() => Assert.Contains(
        "pieces 2 and 700 are the same", (await Assert.ThrowsAsync<ModelException>(() => ReadAsync((Added, """{"<bos>": 700}""")))).Message, StringComparison.Ordinal);

    private static Task<GemmaTokenizer> ReadAsync(params ReadOnlySpan<(string Name, string Text)> files)
    {
        MemoryModelSource source = new(("tokenizer.model", SmallModel));
        foreach ((string name, string text) in files) source.Files[name] = Encoding.UTF8.GetBytes(text);
        return TokenizerReader.ReadAsync(source, TestContext.Current.CancellationToken);
    }
}
