using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Gemma2.Backend;
using Gemma2.Storage.Models;

namespace Gemma2.Storage.Tests.Models;

public class ModelManifestTests
{
    private static readonly string Hash = new('a', 64);

    private static readonly string Valid = Manifest($$"""{"name":"config.json","size":2,"sha256":"{{Hash}}"}""", $$$"""{"name":"model.safetensors","size":5000,"sha256":"{{{Hash}}}","blocks":{"bytes":4096,"sha256":["{{{Hash}}}","{{{Hash}}}"]}}""");

    [Fact]
    public void Parse_WhatToJsonGave_IsTheSame()
    {
        var manifest = new ModelManifest([new ModelFile("config.json", 2, Hash), new ModelFile("model.safetensors", 1L << 40, Hash)]);

        Assert.Equal(manifest.Files, ModelManifest.Parse("nano", manifest.ToJson()).Files);
    }

    [Fact]
    public void Parse_UpperCaseHashAndUnknownFields_AreTaken()
    {
        string json = $$"""{"made":"later","files":[{"name":"config.json","size":2,"sha256":"{{Hash.ToUpperInvariant()}}","more":[1]}]}""";

        Assert.Equal([new ModelFile("config.json", 2, Hash)], ModelManifest.Parse("nano", Encoding.UTF8.GetBytes(json)).Files);
    }

    [Fact]
    public void Parse_BlocksThatToJsonGave_AreTheSame()
    {
        var file = new ModelFile("model.safetensors", 10_000, Hash, new ModelBlocks(4096, [Hash, new string('b', 64), Hash]));

        Assert.Equal([file], ModelManifest.Parse("nano", new ModelManifest([file]).ToJson()).Files);
    }

    [Fact]
    public void Parse_UpperCaseHashesOfBlocks_AreTaken()
    {
        string json = Manifest($$$"""{"name":"a","size":1,"sha256":"{{{Hash}}}","blocks":{"bytes":4096,"sha256":["{{{Hash.ToUpperInvariant()}}}"]}}""");

        Assert.Equal([Hash], ModelManifest.Parse("nano", Encoding.UTF8.GetBytes(json)).Files[0].Blocks!.Sha256);
    }

    [Fact]
    public void ToJson_FileWithoutBlocks_SaysNothingOfThem() =>
        Assert.DoesNotContain("blocks", Encoding.UTF8.GetString(new ModelManifest([new ModelFile("a", 1, Hash)]).ToJson()), StringComparison.Ordinal);

    [Fact]
    public void ToJson_LargestModel_IsReadAgain()
    {
        // 27 billion weights in 4 bytes each, in files of 5 GB.
        const long size = 5_000_000_000;
        string[] blocks = [.. Enumerable.Repeat(Hash, (int)ModelBlocks.Count(size, ModelBlocks.DefaultBytes))];
        var manifest = new ModelManifest([.. Enumerable.Range(1, 22).Select(i => new ModelFile($"model-{i:D5}-of-00022.safetensors", size, Hash, new ModelBlocks(ModelBlocks.DefaultBytes, blocks)))]);

        byte[] json = manifest.ToJson();

        Assert.InRange(json.Length, 1, ModelManifest.MaxBytes / 2);
        Assert.Equal(manifest.Files, ModelManifest.Parse("27b", json).Files);
    }

    [Theory]
    [InlineData("", "is malformed")]
    [InlineData("null", "is malformed")]
    [InlineData("[]", "is malformed")]
    [InlineData("{}", "is malformed")]
    [InlineData("""{"files":null}""", "is malformed")]
    [InlineData("""{"files":[null]}""", "is malformed")]
    [InlineData("""{"files":[{}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":null,"size":1,"sha256":"H"}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":"1","sha256":"H"}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1.5,"sha256":"H"}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":99999999999999999999,"sha256":"H"}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"\ud800","size":1,"sha256":"H"}]}""", "is malformed")]
    [InlineData("""{"files":[],"files":[]}""", "is malformed")]
    [InlineData("""{"files":[]}""", "names no file")]
    [InlineData("""{"files":[{"name":"a","size":-1,"sha256":"H"}]}""", "a has the size -1")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"xyz"}]}""", "the sha256 of a is not 64 hexadecimal digits")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H"},{"name":"a","size":1,"sha256":"H"}]}""", "names a twice")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":[]}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{}}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":4096,"sha256":null}}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":"4096","sha256":["H"]}}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":99999999999,"sha256":["H"]}}]}""", "is malformed")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":0,"sha256":["H"]}}]}""", "the blocks of a have 0 bytes; allowed are 4096 to 67108864")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":-4096,"sha256":["H"]}}]}""", "the blocks of a have -4096 bytes")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":4096,"sha256":[]}}]}""", "the blocks of a are 0 of 4096 bytes, which do not fit its size of 1")]
    [InlineData("""{"files":[{"name":"a","size":4096,"sha256":"H","blocks":{"bytes":4096,"sha256":["H","H"]}}]}""", "the blocks of a are 2 of 4096 bytes")]
    [InlineData("""{"files":[{"name":"a","size":9223372036854775807,"sha256":"H","blocks":{"bytes":4096,"sha256":["H"]}}]}""", "the blocks of a are 1 of 4096 bytes")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":4096,"sha256":["xyz"]}}]}""", "the blocks of a have a sha256 that is not 64 hexadecimal digits")]
    [InlineData("""{"files":[{"name":"a","size":1,"sha256":"H","blocks":{"bytes":4096,"sha256":[null]}}]}""", "the blocks of a have a sha256 that is not 64 hexadecimal digits")]
    [InlineData("""{"files":[{"name":"../a","size":1,"sha256":"H"}]}""", "has a file named")]
    [InlineData("""{"files":[{"name":"a/b","size":1,"sha256":"H"}]}""", "has a file named")]
    [InlineData("""{"files":[{"name":"a\nb","size":1,"sha256":"H"}]}""", "has a file named")]
    [InlineData("""{"files":[{"name":"","size":1,"sha256":"H"}]}""", "has a file named")]
    public void Parse_Malformed_IsRefusedInOneLine(string json, string message)
    {
        var error = Assert.Throws<ModelException>(() => ModelManifest.Parse("nano", Encoding.UTF8.GetBytes(json.Replace("\"H\"", $"\"{Hash}\"", StringComparison.Ordinal))));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("nano", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Parse_AnyBytes_GivesAManifestOrAModelException() =>
        Gen.Byte.Array[0, 200].Sample(bytes => ParsesOrRefuses(bytes), iter: 3_000);

    [Fact]
    public void Parse_ManifestWithChangedBytes_GivesAManifestOrAModelException() =>
        Gen.Select(Gen.Int[0, Valid.Length - 1], Gen.Byte, Gen.Int[0, 20]).Sample(
            (at, value, cut) =>
            {
                byte[] bytes = Encoding.UTF8.GetBytes(Valid);
                bytes[at] = value;
                ParsesOrRefuses(bytes[..^Math.Min(cut, at)]);
            },
            iter: 3_000);

    [Theory]
    [InlineData("gemma-2-2b-it", true)]
    [InlineData("a", true)]
    [InlineData("A.b_c-9", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("..", false)]
    [InlineData(".hidden", false)]
    [InlineData("ends.", false)]
    [InlineData("a/b", false)]
    [InlineData("a\\b", false)]
    [InlineData("a b", false)]
    [InlineData("a%2e", false)]
    [InlineData("a\n", false)]
    [InlineData("ä", false)]
    public void ModelName_IsValid_OnlyForPlainNames(string name, bool valid) => Assert.Equal(valid, ModelName.IsValid(name));

    [Fact]
    public void ModelName_LongerThan128_IsRefusedShortly()
    {
        Assert.True(ModelName.IsValid(new string('a', 128)));
        var error = Assert.Throws<ModelException>(() => ModelName.Validate(new string('a', 100_000)));
        Assert.True(error.Message.Length < 250, error.Message);
    }

    private static void ParsesOrRefuses(byte[] json)
    {
        try
        {
            Assert.NotEmpty(ModelManifest.Parse("nano", json).Files);
        }
        catch (ModelException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }
    }

    private static string Manifest(params string[] files) => $$"""{"files":[{{string.Join(',', files)}}]}""";
}
