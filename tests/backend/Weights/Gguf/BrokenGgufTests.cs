using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Gguf;

public sealed class BrokenGgufTests
{
    private static readonly string Root = Path.Combine(GoldenModels.Root, "broken-gguf");

    /// <summary>What the message of each broken model must say.</summary>
    private static readonly Dictionary<string, string> Reasons = new()
    {
        ["alignment_0"] = "general.alignment is 0",
        ["array_count_2e61"] = "has the length 2305843009213693952",
        ["array_nested_3000"] = "x.deep holds arrays in arrays",
        ["cut_after_version"] = "ends in the middle of the list of tensors: it is 8 bytes long",
        ["dims_product_wraps"] = "blk.0.attn_q.weight is [4294967296, 4294967296]",
        ["embedding_length_string"] = "gemma2.embedding_length is \"32\"",
        ["empty"] = "it is 0 bytes long",
        ["fewer_tokens_than_embedding_rows"] = "tokenizer.ggml.scores is an array of 284; allowed is one of 275",
        ["head_count_0"] = "gemma2.attention.head_count is 0",
        ["key_length_wraps"] = "a metadata key has the length 18446744073709551600",
        ["key_not_utf8"] = "is not UTF-8",
        ["kv_count_max"] = "the metadata has the length 18446744073709551615",
        ["magic_ggml"] = "does not begin with GGUF",
        ["missing_block_count"] = "gemma2.block_count is missing",
        ["offset_beyond_end"] = "blk.0.ffn_up.weight ends at byte 1057760, but the file is 24928 bytes long",
        ["offset_misaligned"] = "blk.0.attn_q.weight begins at offset 9796, which is no multiple of 32",
        ["offset_wraps"] = "blk.0.ffn_up.weight ends at byte 18446744073709560768",
        ["row_not_multiple_of_block"] = "extra.weight is Q8_0 with rows of 40; allowed are multiples of 32",
        ["shape_against_config"] = "blk.0.attn_q.weight is [48, 32]; by its metadata it must be [32, 32]",
        ["tensor_count_2e63"] = "the list of tensors has the length 9223372036854775808",
        ["tensor_data_cut"] = "output_norm.weight ends at byte 24928, but the file is 24828 bytes long",
        ["tensor_missing"] = "no weight file holds blk.0.ffn_down.weight",
        ["tensor_twice"] = "two tensors named blk.0.attn_k.weight",
        ["tensor_type_99"] = "blk.0.attn_q.weight has the type number 99",
        ["tensor_unused"] = "unused.weight is no tensor of a Gemma 2",
        ["tensors_overlap"] = "blk.0.ffn_up.weight overlaps the tensor before it",
        ["value_type_13"] = "has a value of type 13",
        ["version_99"] = "is GGUF version 99; supported are 2 and 3",
    };

    private static readonly string[] Valid = ["nested_array_small", "valid_alignment_64", "valid_base", "valid_unknown_keys"];

    public static TheoryData<string> Broken => [.. Reasons.Keys];

    public static TheoryData<string> Accepted => [.. Valid];

    [Fact]
    public void Cases_OfTheFolder_AreAllTested() =>
        Assert.Equal(
            Reasons.Keys.Concat(Valid).Order(StringComparer.Ordinal),
            Directory.GetFiles(Root).Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Broken))]
    public async Task ReadAsync_BrokenModel_IsRefusedBeforeAnythingIsAllocated(string name)
    {
        RecordingSink sink = new();
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ReadAsync(name, sink));
        Assert.Contains(Reasons[name], error.Message, StringComparison.Ordinal);
        Assert.StartsWith(name, error.Message, StringComparison.Ordinal);
        Assert.Empty(sink.Announced);
    }

    [Theory, MemberData(nameof(Accepted))]
    public async Task ReadAsync_ValidModel_IsRead(string name)
    {
        RecordingSink sink = new();
        await ReadAsync(name, sink);
        Assert.Equal(13, sink.Announced.Count);
        Assert.All(sink.Announced, tensor => Assert.NotEmpty(sink.Bytes(tensor.Name)));
    }

    private static Task ReadAsync(string name, RecordingSink sink) => sink.ReadAsync(new FileModelSource(Path.Combine(Root, $"{name}.gguf")));
}
