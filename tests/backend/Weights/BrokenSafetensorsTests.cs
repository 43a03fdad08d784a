using Gemma2.Backend.Formats.Files;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class BrokenSafetensorsTests
{
    private static readonly string Root = Path.Combine(GoldenModels.Root, "broken-safetensors");

    /// <summary>What the message of each broken model must say.</summary>
    private static readonly Dictionary<string, string> Reasons = new()
    {
        ["empty"] = "model/model.safetensors: is 0 bytes long",
        ["five_bytes"] = "model/model.safetensors: is 5 bytes long",
        ["header_longer_than_file"] = "bytes at most",
        ["header_length_2e63"] = "says that its header is 9223372036854775808 bytes long",
        ["header_not_json"] = "does not begin with '{'",
        ["header_cut"] = "is not usable JSON: Expected",
        ["header_is_array"] = "does not begin with '{'",
        ["header_nested_deep"] = "The maximum configured depth",
        ["tensor_twice"] = "is not usable JSON: Duplicate",
        ["offset_beyond_end"] = "ends at byte",
        ["tensors_overlap"] = "belong to no tensor",
        ["hole"] = "8 bytes before",
        ["size_against_shape"] = "self_attn.q_proj.weight: data_offsets span 256 bytes",
        ["begin_after_end"] = "the first not above the second",
        ["offset_negative"] = "data_offsets holds -8",
        ["dtype_unknown"] = "dtype is \"F3\"; supported are F32, F16 and BF16",
        ["shape_product_wraps"] = "[4294967296, 4294967296] does not take as many",
        ["offset_not_integer"] = "self_attn.q_proj.weight: data_offsets holds \"",
        ["data_cut"] = "mlp.down_proj.weight ends at byte",
        ["tensor_missing"] = "no weight file holds model.norm.weight",
        ["shape_against_config"] = "self_attn.q_proj.weight is [24, 16]; by config.json it must be [16, 16]",
        ["shard_missing"] = "names model-00002-of-00002.safetensors, which is missing",
        ["shard_path_parent"] = "is in \"../outside_open.safetensors\"",
    };

    public static TheoryData<string> Broken => [.. Reasons.Keys];

    [Fact]
    public void Cases_OfTheFolder_AreAllTested() =>
        Assert.Equal(
            Reasons.Keys.Concat(["valid_metadata_and_order", "valid_single", "valid_two_files"]).Order(StringComparer.Ordinal),
            Directory.GetDirectories(Root).Select(Path.GetFileName).Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Broken))]
    public async Task ReadAsync_BrokenModel_IsRefusedBeforeAnythingIsAllocated(string name)
    {
        RecordingSink sink = new();
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ReadAsync(name, sink));
        Assert.Contains(Reasons[name], error.Message, StringComparison.Ordinal);
        Assert.StartsWith("model", error.Message, StringComparison.Ordinal);
        Assert.Empty(sink.Announced);
    }

    [Theory, InlineData("valid_single"), InlineData("valid_two_files"), InlineData("valid_metadata_and_order")]
    public async Task ReadAsync_ValidModel_IsRead(string name)
    {
        RecordingSink sink = new();
        await ReadAsync(name, sink);
        Assert.Equal(13, sink.Announced.Count);
        Assert.All(sink.Announced, tensor => Assert.NotEmpty(sink.Bytes(tensor.Name)));
    }

    private static Task ReadAsync(string name, RecordingSink sink) => sink.ReadAsync(new FolderModelSource(Path.Combine(Root, name, "model")));
}
