using System.Text;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Files are known by what they hold, not by their names.</summary>
public sealed class FileContentsTests
{
    private const string Pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 4988025760\n";

    private static readonly Gemma2Config Tiny = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 40, "hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "query_pre_attn_scalar": 4}
        """u8.ToArray(), "tiny");

    private static readonly Dictionary<string, byte[]> _others = new()
    {
        ["git-lfs pointer to 4988025760 bytes"] = Encoding.ASCII.GetBytes(Pointer),
        ["is a web page"] = [0xef, 0xbb, 0xbf, .. "\n<!DOCTYPE html>\n<html><body>404</body></html>"u8],
        ["is a PyTorch checkpoint"] = [.. "PK\x3\x4"u8, .. new byte[22], .. "\x10\0archive/data.pkl"u8, .. new byte[100]],
        ["is a zip archive"] = [.. "PK\x3\x4"u8, .. new byte[22], .. "\x10\0model/config.json"u8, .. new byte[100]],
        ["a pickle that can run code"] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
        ["is a GGML file of the time before GGUF"] = [.. "tjgg"u8, 3, 0, 0, 0, .. new byte[60]],
        ["is an ONNX graph"] = [8, 8, 0x12, 7, .. "pytorch"u8, 0x1a, 5, .. "2.3.0"u8, .. new byte[60]],
        ["is an HDF5 file"] = [0x89, .. "HDF\r\n"u8, 0x1a, 10, .. new byte[60]],
        ["is a gzip archive"] = [0x1f, 0x8b, 8, 0, .. new byte[60]],
        ["is a tar archive"] = [.. "weights"u8, .. new byte[250], .. "ustar"u8, .. new byte[300]],
        ["is a TensorFlow Lite model"] = [0x1c, 0, 0, 0, .. "TFL3"u8, .. new byte[60]],
        ["begins with zeros only"] = new byte[5000],
        ["is a text that begins with \"Entry not found\""] = "Entry not found"u8.ToArray(),
    };

    public static TheoryData<string> Others => [.. _others.Keys];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Others))]
    public async Task OpenAsync_OtherFileInPlaceOfSafetensors_SaysWhatItIs(string what) =>
        await AssertRefusedAsync(Folder(("model.safetensors", _others[what])), "memory/model.safetensors: ", what);

    [Theory, MemberData(nameof(Others))]
    public async Task OpenAsync_OtherFileInPlaceOfGguf_SaysWhatItIs(string what) =>
        await AssertRefusedAsync(new MemoryModelSource(("g.gguf", _others[what])), "memory/g.gguf: does not begin with GGUF: it ", what);

    [Theory, MemberData(nameof(Others))]
    public async Task OpenAsync_FolderOfOtherWeightsOnly_SaysWhatTheyAre(string what) =>
        await AssertRefusedAsync(Folder(("README.md", "Entry not found"u8.ToArray()), ("pytorch_model.bin", _others[what])), "memory/pytorch_model.bin: ", what);

    [Theory, MemberData(nameof(Others))]
    public void Find_OtherFile_SaysWhatItIs(string what)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, _others[what]);
        ModelException error = Assert.Throws<ModelException>(() => LocalModel.Find(path));
        Assert.StartsWith($"'{path}' is a file that holds no model: it ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        File.Delete(path);
    }

    [Theory]
    [InlineData("config.json"), InlineData("model.safetensors.index.json"), InlineData("tokenizer.model"), InlineData("generation_config.json")]
    public async Task OpenAsync_OtherFileInPlaceOfASmallOne_SaysWhatItIs(string file)
    {
        MemoryModelSource source = Folder();
        if (file != "model.safetensors.index.json") source.Files["model.safetensors"] = Weights();
        source.Files[file] = Encoding.ASCII.GetBytes(Pointer);
        await AssertRefusedAsync(source, $"memory/{file}: is a git-lfs pointer to 4988025760 bytes", "git lfs pull");
        source.Files[file] = "\n <HTML><body>Sign in</body></HTML>"u8.ToArray();
        await AssertRefusedAsync(source, $"memory/{file}: is a web page");
        source.Files[file] = [];
        await AssertRefusedAsync(source, $"memory/{file}: is empty");
    }

    [Theory]
    [InlineData("sha256-0123456789abcdef"), InlineData("ggml-model.bin"), InlineData("model.safetensors")]
    public async Task OpenAsync_GgufOfAnotherName_IsRead(string name)
    {
        MemoryModelSource source = new((name, Gguf()), ("README.md", "a model"u8.ToArray()), ("params", "{}"u8.ToArray()));
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.NotNull(model.Tokenizer);
        Assert.All(model.Tensors, tensor => Assert.Equal(name, tensor.File));
    }

    [Fact]
    public async Task OpenAsync_GgufBesideAConfiguration_IsRead()
    {
        MemoryModelSource source = Folder(("any.gguf", Gguf()));
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.NotNull(model.Tokenizer);
    }

    [Fact]
    public async Task OpenAsync_BothFormats_TakesTheFolders()
    {
        MemoryModelSource source = Folder(("any.gguf", Gguf()), ("model.safetensors", Weights()));
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.All(model.Tensors, tensor => Assert.Equal("model.safetensors", tensor.File));
    }

    [Fact]
    public async Task OpenAsync_TwoGgufFilesWithoutExtension_AsksForOne() =>
        await AssertRefusedAsync(new MemoryModelSource(("sha256-1", Gguf()), ("sha256-2", Gguf())), "memory: has several .gguf models; name the file");

    [Fact]
    public async Task Find_GgufFileWithoutExtension_IsRead()
    {
        string folder = Directory.CreateTempSubdirectory("blobs-").FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, "sha256-01"), Gguf(), Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(folder, "sha256-02"), Gguf(), Cancellation);
        await using OpenModel model = await ModelReader.OpenAsync(LocalModel.Find(Path.Combine(folder, "sha256-02"))!, Cancellation);
        Assert.All(model.Tensors, tensor => Assert.Equal("sha256-02", tensor.File));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("gemma.safetensors"), InlineData("pytorch_model.bin"), InlineData("weights")]
    public async Task OpenAsync_SafetensorsOfAnotherName_AreRead(string name)
    {
        await using OpenModel model = await ModelReader.OpenAsync(Folder((name, Weights())), Cancellation);
        Assert.All(model.Tensors, tensor => Assert.Equal(name, tensor.File));
    }

    [Theory]
    [InlineData("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "consolidated.safetensors")]
    [InlineData("layers_a.safetensors", "layers_b.safetensors", "adapter_model.safetensors")]
    [InlineData("x-00001-of-00002.safetensors", "x-00002-of-00002.safetensors", "lora.safetensors")]
    public async Task OpenAsync_PartsWithoutAnIndex_AreRead(string first, string second, string leftAside)
    {
        MemoryModelSource source = Folder((leftAside, Weights()));
        AddParts(source, first, second);
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.Equal([first, second], model.Tensors.Select(tensor => tensor.File).Distinct().Order());
    }

    [Fact]
    public async Task OpenAsync_IndexOfAnotherName_IsRead()
    {
        MemoryModelSource source = Folder();
        AddParts(source, "a.safetensors", "b.safetensors");
        string map = string.Join(',', SafetensorsWriter.Tensors(Tiny).Select((tensor, i) => $"\"{tensor.Name}\":\"{(i < 9 ? "a" : "b")}.safetensors\""));
        source.Files["model.fp16.safetensors.index.json"] = Encoding.UTF8.GetBytes($"{{\"weight_map\":{{{map}}}}}");
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.Equal(24, model.Tensors.Count);
    }

    [Fact]
    public async Task OpenAsync_PartMissing_IsRefused()
    {
        MemoryModelSource source = Folder();
        AddParts(source, "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors");
        await AssertRefusedAsync(source, "memory: has no model-00003-of-00003.safetensors, which belongs to model-00001-of-00003.safetensors.");
    }

    [Fact]
    public async Task OpenAsync_WeightsTwice_IsRefused()
    {
        MemoryModelSource source = Folder();
        AddParts(source, "a-00001-of-00002.safetensors", "a-00002-of-00002.safetensors");
        AddParts(source, "b-00001-of-00002.safetensors", "b-00002-of-00002.safetensors");
        await AssertRefusedAsync(source, "memory: has weights twice, in a-00001-of-00002.safetensors and in b-00001-of-00002.safetensors");
    }

    [Fact]
    public void DescribeOther_AnyBytes_GivesOneShortLineOrNone()
    {
        var random = new Random(16);
        byte[][] seeds = [.. _others.Values, Gguf()[..600], Weights()[..300]];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. seeds[random.Next(seeds.Length)].Take(random.Next(FileContents.PrefixBytes + 1))];
            for (int change = random.Next(8); change > 0 && bytes.Length > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            string? what = FileContents.DescribeOther(bytes, bytes.Length + random.Next(100));
            Assert.True(what is null || (what.Length < 300 && !what.Any(char.IsControl)), what);
            FileContents.IsSafetensors(bytes, bytes.Length + random.Next(100));
        }
    }

    private static MemoryModelSource Folder(params (string Name, byte[] Bytes)[] files) => new([("config.json", SafetensorsWriter.ConfigJson(Tiny)), .. files]);

    private static byte[] Weights() => SafetensorsWriter.Write(SafetensorsWriter.Tensors(Tiny));

    private static void AddParts(MemoryModelSource source, string first, string second)
    {
        List<(string Name, Tensors.TensorType Type, long[] Shape)> all = SafetensorsWriter.Tensors(Tiny);
        source.Files[first] = SafetensorsWriter.Write(all[..9]);
        source.Files[second] = SafetensorsWriter.Write(all[9..]);
    }

    private static byte[] Gguf() => File.ReadAllBytes(Path.Combine(GoldenModels.Root, "broken-gguf", "valid_base.gguf"));

    private static async Task AssertRefusedAsync(MemoryModelSource source, params string[] parts)
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => new RecordingSink().ReadAsync(source));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(source.Opened, source.Closed);
    }
}
