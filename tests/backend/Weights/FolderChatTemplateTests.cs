using System.Text;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Text;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Where a folder's chat template is looked for.</summary>
public sealed class FolderChatTemplateTests
{
    private const string Jinja = "{{ messages[0].content }}";

    [Theory]
    [InlineData("chat_template.jinja", "\uFEFF" + Jinja, "chat_template.jinja")]
    [InlineData("chat_template.json", """{"chat_template": "{{ messages[0].content }}"}""", "chat_template.json")]
    [InlineData("tokenizer_config.json", """{"chat_template": "{{ messages[0].content }}"}""", "tokenizer_config.json")]
    [InlineData("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "{{ messages[0].content }}"}]}""", "tokenizer_config.json (default)")]
    [InlineData("tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "{{ messages[0].content }}"}]}""", "tokenizer_config.json (rag)")]
    public async Task ReadAsync_EachPlace_IsLookedAt(string file, string content, string origin)
    {
        ChatTemplate template = await ReadAsync((file, content));
        Assert.Equal((Jinja, origin), (template.Text.Jinja, template.Text.Origin));
    }

    [Fact]
    public async Task ReadAsync_SeveralPlaces_TakesTheFirstAndTheTokensOfTheTokenizer()
    {
        ChatTemplate template = await ReadAsync(
            ("tokenizer_config.json", """{"chat_template": "c", "eos_token": {"content": "<|im_end|>"}, "bos_token": null}"""),
            ("chat_template.json", """{"chat_template": "b"}"""),
            ("chat_template.jinja", Jinja));
        Assert.Equal((Jinja, "chat_template.jinja"), (template.Text.Jinja, template.Text.Origin));
        Assert.Equal(new Dictionary<string, string?> { ["bos_token"] = null, ["eos_token"] = "<|im_end|>" }, template.Text.Tokens);
    }

    [Theory]
    [InlineData("tokenizer_config.json", "{}")]
    [InlineData("tokenizer_config.json", """{"chat_template": null}""")]
    [InlineData("tokenizer_config.json", """{"chat_template": []}""")]
    public async Task ReadAsync_NoTemplate_IsGemmas(string file, string content) => Assert.True((await ReadAsync((file, content))).IsGemmas);

    [Theory]
    [InlineData("tokenizer_config.json", """{"chat_template": 7}""", "tokenizer_config.json: chat_template is not usable; allowed is a text, or an array of objects with the texts name and template.")]
    [InlineData("tokenizer_config.json", """{"chat_template": [{"name": "default"}]}""", "tokenizer_config.json: chat_template is not usable")]
    [InlineData("tokenizer_config.json", """{"chat_template": ["x"]}""", "tokenizer_config.json: chat_template is not usable")]
    [InlineData("chat_template.json", "[]", "chat_template.json: must be a JSON object")]
    [InlineData("tokenizer_config.json", "{", "tokenizer_config.json: is not usable JSON")]
    public async Task ReadAsync_Malformed_NamesTheFile(string file, string content, string message) =>
        Assert.Contains(message, (await Assert.ThrowsAsync<ModelException>(() => ReadAsync((file, content)))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task WithChatTemplate_EndOfTurnThatIsNotAmongTheEndTokens_EndsAnAnswer()
    {
        await using OpenModel model = await ModelReader.OpenAsync(new FolderModelSource(NanoModel.Folder), TestContext.Current.CancellationToken);
        model.UseChatTemplate(new ChatTemplateText("{% for m in messages %}{{ m.content }}<pad>{% endfor %}", "a test"));
        Assert.Equal([1, 107, 0], model.Config.EndTokens);
        Assert.Contains("<pad> (0) ends an answer too: the chat template writes it behind each.", model.Description.Notes);
    }

    private static Task<ChatTemplate> ReadAsync(params (string Name, string Content)[] files) => ChatTemplateReader.ReadAsync(
        new MemoryModelSource([("tokenizer.model", File.ReadAllBytes(GoldenTokenizer.SmallModelPath)), .. files.Select(file => (file.Name, Encoding.UTF8.GetBytes(file.Content)))]),
        null,
        TestContext.Current.CancellationToken);
}
