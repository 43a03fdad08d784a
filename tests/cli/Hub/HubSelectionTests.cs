using Gemma2.Cli.Hub;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Tests.Hub;

/// <summary>Which files of a repository are taken.</summary>
public sealed class HubSelectionTests
{
    private const string Folder = "README.md config.json generation_config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.model "
        + "tokenizer.json original/model.safetensors";

    [Theory]
    [InlineData(Folder, "", "config.json generation_config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.model")]
    [InlineData(
        "added_tokens.json config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json", "",
        "added_tokens.json config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json")]
    [InlineData("README.md config.json a.gguf", "", "a.gguf")]
    [InlineData("q/a-00001-of-00002.gguf q/a-00002-of-00002.gguf", "", "q/a-00001-of-00002.gguf q/a-00002-of-00002.gguf")]
    [InlineData("g-Q8_0.gguf g-Q4_K_M.gguf", "g-Q8_0.gguf", "g-Q8_0.gguf")]
    [InlineData("g-Q8_0.gguf g-Q4_K_M.gguf", "Q4_K_M", "g-Q4_K_M.gguf")]
    [InlineData("g-Q8_0.gguf g-Q4_K_M.gguf", "q8_0", "g-Q8_0.gguf")]
    [InlineData("g-IQ4_XS.gguf g-Q4_K.gguf", "Q4_K", "g-Q4_K.gguf")]
    [InlineData("f32/g-f32-00001-of-00002.gguf f32/g-f32-00002-of-00002.gguf g-f16.gguf", "f32", "f32/g-f32-00001-of-00002.gguf f32/g-f32-00002-of-00002.gguf")]
    [InlineData("g-00001-of-00002.gguf g-00002-of-00002.gguf h.gguf", "g-00002-of-00002.gguf", "g-00001-of-00002.gguf g-00002-of-00002.gguf")]
    [InlineData(Folder + " g-Q8_0.gguf", "g-Q8_0.gguf", "g-Q8_0.gguf")]
    public void Select_Model_TakesItsFiles(string there, string file, string taken) => Assert.Equal(taken.Split(' '), Select(there, file));

    [Theory]
    [InlineData("README.md", "", "hf:a/b has neither config.json with *.safetensors nor a .gguf file.")]
    [InlineData("config.json pytorch_model.bin", "", "hf:a/b has neither config.json with *.safetensors nor a .gguf file; pytorch_model.bin is of another format, which is not read.")]
    [InlineData("g-Q8_0.gguf g-Q4_K_M.gguf", "", "hf:a/b has several .gguf models; name one as hf:a/b:FILE. There are: g-Q4_K_M.gguf, g-Q8_0.gguf.")]
    [InlineData("g-Q8_0.gguf g-Q4_K_M.gguf", "Q5_0", "hf:a/b has no .gguf file 'Q5_0'. There are: g-Q4_K_M.gguf, g-Q8_0.gguf.")]
    [InlineData("g-Q8_0.gguf h-Q8_0.gguf i.gguf", "Q8_0", "hf:a/b has several .gguf models 'Q8_0'. There are: g-Q8_0.gguf, h-Q8_0.gguf.")]
    [InlineData(Folder, "tokenizer.model", "hf:a/b: tokenizer.model is not a .gguf file.")]
    [InlineData(Folder, "Q8_0", "hf:a/b has no .gguf file 'Q8_0'.")]
    [InlineData("g-00001-of-00002.gguf", "", "hf:a/b has no g-00002-of-00002.gguf, which belongs to the model.")]
    [InlineData("strange(name).gguf", "", "hf:a/b has a file whose name is not usable: 'strange(name).gguf'.")]
    public void Select_NoOneModel_SaysWhatThereIs(string there, string file, string message) =>
        Assert.Equal(message, Assert.Throws<HubException>(() => Select(there, file)).Message);

    [Fact]
    public void Select_VeryManyModels_NamesThemShortly()
    {
        string there = string.Join(' ', Enumerable.Range(0, 30).Select(index => $"a-model-of-a-long-name-Q{index}_K.gguf"));

        string message = Assert.Throws<HubException>(() => Select(there, "")).Message;

        Assert.EndsWith(string.Join(", ", Enumerable.Range(0, 30).Select(index => $"Q{index}_K").Order(StringComparer.Ordinal)) + ".", message, StringComparison.Ordinal);
        Assert.Equal(["a-model-of-a-long-name-Q7_K.gguf"], Select(there, "Q7_K"));
    }

    private static IEnumerable<string> Select(string there, string file) => HubSelection.Select(
        new HubReference("a/b", "main", file.Length > 0 ? file : null),
        new HubRepository("", [.. there.Split(' ').Select(path => new HubEntry(path, 1, ContentHash.Sha256("")))])).Select(entry => entry.Path);
}
