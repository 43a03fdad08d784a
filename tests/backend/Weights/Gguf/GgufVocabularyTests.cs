using System.Text.Json;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Gguf;

/// <summary>Vocabularies in GGUF files against llama.cpp and SentencePiece.</summary>
public sealed class GgufVocabularyTests
{
    public static TheoryData<string, string> Models => new() { { "k256", "Q4_0" }, { "s64", "F32" } };

    [Theory, MemberData(nameof(Models))]
    public async Task Encode_Special_EqualsLlamaCpp(string model, string type)
    {
        GemmaTokenizer tokenizer = await ReadAsync(model, type);
        foreach (JsonElement entry in GoldenGguf.Vectors(model, "encode"))
        {
            Assert.Equal(entry.Ids("ids"), tokenizer.Encode(entry.Text("text"), special: true));
            Assert.Equal(entry.GetProperty("pieces").EnumerateArray().Select(piece => piece.GetString()), entry.Ids("ids").Select(tokenizer.Piece));
        }
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Encode_PlainText_EqualsSentencePiece(string model, string type)
    {
        GemmaTokenizer tokenizer = await ReadAsync(model, type);
        foreach (JsonElement entry in GoldenGguf.Vectors(model, "encode"))
        {
            string which = new[] { "sentencepiece_ids", "ids_special_text_not_parsed" }.FirstOrDefault(key => entry.Has(key), "ids");
            Assert.Equal(entry.Ids(which), tokenizer.Encode(entry.Text("text")));
        }
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Decode_IdsOfAText_GivesTheText(string model, string type)
    {
        GemmaTokenizer tokenizer = await ReadAsync(model, type);
        int[] silent = [tokenizer.Bos, tokenizer.Eos, tokenizer.Pad, tokenizer.Unknown];
        foreach (JsonElement entry in GoldenGguf.Vectors(model, "encode").Where(entry => entry.GetProperty("roundtrip").GetBoolean()))
            if (!entry.Ids("ids").Intersect(silent).Any()) Assert.Equal(entry.Text("text"), tokenizer.Decode(entry.Ids("ids")));
    }

    [Theory, MemberData(nameof(Models))]
    public async Task EncodeChat_Vectors_EqualTheTemplateOfTheFile(string model, string type)
    {
        ChatTemplate template = await ReadTemplateAsync(new FileModelSource(GoldenGguf.Open($"{model}/{type}").File));
        foreach (JsonElement entry in GoldenGguf.Vectors(model, "chat"))
        {
            ChatMessage[] messages = [.. entry.GetProperty("messages").EnumerateArray().Select(message => new ChatMessage(message.Text("role"), message.Text("content")))];
            ChatEnding ending = entry.GetProperty("add_generation_prompt").GetBoolean() ? ChatEnding.OpenAnswer : ChatEnding.Closed;
            if (entry.Has("error"))
                Assert.Contains(entry.Text("error"), Assert.Throws<InvalidRequestException>(() => template.EncodeAsGiven(messages, ending)).Message, StringComparison.Ordinal);
            else Assert.Equal(entry.Ids("ids"), template.EncodeAsGiven(messages, ending));
        }
    }

    [Fact]
    public async Task EncodeChat_TemplateThatCannotBeUsed_IsRefusedAndTextsWork()
    {
        GgufBytes file = Vocabulary("tokenizer.chat_template", "{% for message in messages %}\n{% include 'turn' %}{% endfor %}");
        ChatTemplate chat = await ReadTemplateAsync(new MemoryModelSource(("m.gguf", file.Write())));
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => chat.Encode([new ChatMessage("user", "a")]));
        Assert.Equal("messages", error.Parameter);
        Assert.Contains("(tokenizer.chat_template) cannot be used, so it takes no messages: line 2: {% include %} is not supported here", error.Message, StringComparison.Ordinal);
        GemmaTokenizer tokenizer = await ReadAsync(file);
        Assert.Equal([6 + 'a', 262, 6 + 'b'], tokenizer.Encode("a   b", special: true));
    }

    [Fact]
    public async Task EncodeChat_TemplateWithEscapedLineBreaks_IsGemmas()
    {
        const string template = """
            {{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}
            """;
        Assert.Null((await ReadTemplateAsync(new MemoryModelSource(("m.gguf", Vocabulary("tokenizer.chat_template", template).Write())))).Problem);
    }

    [Fact]
    public async Task Read_NoTemplate_IsGemmas() =>
        Assert.Null((await ReadTemplateAsync(new MemoryModelSource(("m.gguf", Vocabulary("general.name", "a").Write())))).Problem);

    [Fact]
    public async Task EncodeContent_RunOfSpaces_IsTheSameWhicheverWayTheFileSpellsIt()
    {
        GgufBytes spaces = Vocabulary("general.name", "a"), escaped = Vocabulary("general.name", "a");
        ((string[])escaped.Metadata["tokenizer.ggml.tokens"])[262] = "\u2581\u2581\u2581";
        int[] expected = [6 + 'a', 262, 6 + 'b'];
        Assert.Equal(expected, (await ReadAsync(spaces)).EncodeContent("a   b"));
        Assert.Equal(expected, (await ReadAsync(escaped)).EncodeContent("a   b"));
    }

    [Theory]
    [InlineData("tokenizer.ggml.model", "gpt2", "tokenizer.ggml.model is \"gpt2\"; allowed is \"llama\"")]
    [InlineData("tokenizer.ggml.add_space_prefix", true, "tokenizer.ggml.add_space_prefix is true; allowed is false")]
    [InlineData("tokenizer.ggml.scores", new[] { 1, 2 }, "tokenizer.ggml.scores is an array; allowed is an array of 32-bit floats")]
    [InlineData("tokenizer.ggml.token_type", new[] { 1, 2 }, "tokenizer.ggml.token_type is an array of 2; allowed is one of 270")]
    [InlineData("tokenizer.ggml.tokens", new[] { 1, 2 }, "tokenizer.ggml.tokens is an array; allowed is an array of strings")]
    [InlineData("tokenizer.ggml.unknown_token_id", 270u, "tokenizer.ggml.unknown_token_id is 270; allowed is a whole number from 0 to 269")]
    public async Task Read_VocabularyOfAnotherKind_IsRefused(string key, object value, string reason)
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ReadAsync(Vocabulary(key, value)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_TypeOfAPieceThatIsNotKnown_IsRefused()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        ((int[])file.Metadata["tokenizer.ggml.token_type"])[263] = 7;
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ReadAsync(file));
        Assert.Contains("allowed is an array of numbers from 0 to 6, not 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_UnusedPieces_StandForNoText()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        ((int[])file.Metadata["tokenizer.ggml.token_type"])[263] = 5;
        GemmaTokenizer tokenizer = await ReadAsync(file);
        Assert.Equal([6 + 'p', 6 + '0'], tokenizer.Encode("p0"));
        Assert.Equal("", tokenizer.Decode([263]));
    }

    [Fact]
    public async Task Read_NamesOfPadding_AreSpareWhateverTheirType()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        string[] tokens = (string[])file.Metadata["tokenizer.ggml.tokens"];
        (tokens[267], tokens[268], tokens[269]) = ("[PAD267]", "<dummy00001>", "[PAD]");
        Assert.Equal([267, 268], (await ReadAsync(file)).SpareTokens);
    }

    [Fact]
    public async Task Read_UnusedPiecesOfOneName_AreNoFault()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        ((string[])file.Metadata["tokenizer.ggml.tokens"])[264] = ((string[])file.Metadata["tokenizer.ggml.tokens"])[263] = "";
        ((int[])file.Metadata["tokenizer.ggml.token_type"])[264] = ((int[])file.Metadata["tokenizer.ggml.token_type"])[263] = 5;
        Assert.Equal([263, 264], (await ReadAsync(file)).SpareTokens);
    }

    [Fact]
    public async Task Read_DuplicateToken_NamesBoth()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        ((string[])file.Metadata["tokenizer.ggml.tokens"])[264] = "p0";
        Assert.Contains("pieces 263 and 264 are the same", (await Assert.ThrowsAsync<ModelException>(() => ReadAsync(file))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_EmbeddingWithMoreRowsThanTokens_FillsUpWithSpareOnes()
    {
        GgufBytes file = GgufBytes.Of(GgufFuzzTests.Small with { VocabularySize = 274 }).WithVocabulary(270);
        await using OpenModel model = await ModelReader.OpenAsync(new MemoryModelSource(("m.gguf", file.Write())), TestContext.Current.CancellationToken);
        Assert.Equal([270, 271, 272, 273], model.Config.SpareTokens);
        Assert.Equal(274, model.Config.VocabularySize);
    }

    [Fact]
    public async Task Read_AddedControlTokens_AreFoundWhereMarksAreAndNotInContent()
    {
        GgufBytes file = Vocabulary("general.name", "a");
        string[] tokens = (string[])file.Metadata["tokenizer.ggml.tokens"];
        (tokens[4], tokens[5], tokens[268], tokens[269]) = ("<|im_start|>", "<|im_end|>", "<|tool|>", "<tag>");
        ((int[])file.Metadata["tokenizer.ggml.token_type"])[268] = ((int[])file.Metadata["tokenizer.ggml.token_type"])[269] = 4;
        GemmaTokenizer tokenizer = await ReadAsync(file);
        Assert.Equal((GemmaTokenizer.None, GemmaTokenizer.None), (tokenizer.StartOfTurn, tokenizer.EndOfTurn));
        Assert.Equal([4, 5, 268, 269], tokenizer.Encode("<|im_start|><|im_end|><|tool|><tag>", special: true));
        Assert.Equal([269], tokenizer.EncodeContent("<|im_start|><|im_end|><|tool|><tag>").Where(id => id is < 6 or > 262));
    }

    private static GgufBytes Vocabulary(string key, object value)
    {
        GgufBytes file = GgufBytes.Of(GgufFuzzTests.Small).WithVocabulary(270);
        file.Metadata[key] = value;
        return file;
    }

    private static Task<ChatTemplate> ReadTemplateAsync(IModelSource source) => ChatTemplateReader.ReadAsync(source, null, TestContext.Current.CancellationToken);

    private static Task<GemmaTokenizer> ReadAsync(GgufBytes file) => ReadAsync(new MemoryModelSource(("m.gguf", file.Write())));

    private static Task<GemmaTokenizer> ReadAsync(string model, string type) => ReadAsync(new FileModelSource(GoldenGguf.Open($"{model}/{type}").File));

    private static Task<GemmaTokenizer> ReadAsync(IModelSource source) => TokenizerReader.ReadAsync(source, TestContext.Current.CancellationToken);
}
