using System.Security.Cryptography;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Gguf;

public sealed class GgufModelTests
{
    private static readonly Gemma2Config Tiny = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 270, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "query_pre_attn_scalar": 32}
        """u8.ToArray(), "tiny") with
    { EndTokens = [1, 107] };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Names_OfTheCheckout_AreAllTypes() => Assert.Equal(18, GoldenGguf.Names.Count);

    [Theory, MemberData(nameof(GoldenGguf.All), MemberType = typeof(GoldenGguf))]
    public async Task OpenAsync_EveryGoldenModel_HasTheConfigurationOfItsMetadata(string name)
    {
        GoldenGgufModel golden = GoldenGguf.Open(name);
        await using OpenModel model = await ModelReader.OpenAsync(new FileModelSource(golden.File), Cancellation);
        Gemma2Config config = model.Config;
        double Number(string key) => golden.Config.GetProperty(key).GetDouble();

        Assert.Equal(Number("hidden_size"), config.HiddenSize);
        Assert.Equal(Number("num_attention_heads"), config.HeadCount);
        Assert.Equal(Number("num_key_value_heads"), config.KeyValueHeadCount);
        Assert.Equal(Number("head_dim"), config.HeadDimension);
        Assert.Equal(Number("rms_norm_eps"), config.RmsNormEpsilon);
        Assert.Equal(Number("rope_theta"), config.RopeTheta);
        Assert.Equal(LayerConfig.Alternating((int)Number("num_hidden_layers"), (int)Number("sliding_window")), config.Layers);
        Assert.Equal(Number("attn_logit_softcapping"), config.AttentionSoftcap);
        Assert.Equal(Number("final_logit_softcapping"), config.FinalSoftcap);
        Assert.Equal(Number("query_pre_attn_scalar"), config.QueryPreAttentionScalar);
        Assert.Equal(Number("intermediate_size"), config.IntermediateSize);
        Assert.Equal(Number("vocab_size"), config.VocabularySize);
        Assert.Equal(8192, config.MaxPositions);
        Assert.Equal(2, config.BeginToken);
        Assert.Equal([1, 8], config.EndTokens);
        Assert.Equal(config.VocabularySize, model.Tokenizer!.VocabularySize);
    }

    [Theory, MemberData(nameof(GoldenGguf.All), MemberType = typeof(GoldenGguf))]
    public async Task ReadAsync_EveryGoldenModel_GivesEachTensorsBytes(string name)
    {
        GoldenGgufModel golden = GoldenGguf.Open(name);
        RecordingSink sink = new();
        await sink.ReadAsync(new FileModelSource(golden.File));

        Assert.Equal(golden.Tensors.OrderBy(tensor => tensor.Offset).Select(tensor => GgufNames.ToHuggingFace(tensor.Name)), sink.Announced.Select(tensor => tensor.Name));
        foreach (GoldenGgufTensor expected in golden.Tensors)
        {
            TensorEntry tensor = sink.Announced.Single(tensor => GgufNames.FromHuggingFace(tensor.Name) == expected.Name);
            Assert.Equal(expected.Type, tensor.Type.ToString());
            Assert.Equal(expected.Shape.Select(dimension => (long)dimension), tensor.Shape);
            Assert.Equal(expected.Offset, tensor.Offset);
            Assert.Equal(tensor.Name.Contains("norm", StringComparison.Ordinal), tensor.HoldsFactor);
            Assert.Equal(expected.Sha256, Convert.ToHexStringLower(SHA256.HashData(sink.Bytes(tensor.Name))));
        }
    }

    [Fact]
    public void Names_OfEveryTensor_TranslateThereAndBack()
    {
        string[] names = [.. TensorCatalog.Shapes(Tiny with { Layers = LayerConfig.Alternating(12, 4096) }).Select(tensor => tensor.Key), TensorNames.Head];
        Assert.Equal(names, names.Select(name => GgufNames.ToHuggingFace(GgufNames.FromHuggingFace(name))));
        Assert.DoesNotContain(names, name => name == GgufNames.FromHuggingFace(name));
        Assert.Equal("blk.11.post_ffw_norm.weight", GgufNames.FromHuggingFace(TensorNames.PostFeedForwardNorm(11)));
    }

    [Theory, InlineData("blk.01.ffn_up.weight"), InlineData("blk..ffn_up.weight"), InlineData("blk.1.ffn_up"), InlineData("blk.99999999999.ffn_up.weight"), InlineData("blk.")]
    public void Names_ThatNoModelHas_StayAsTheyAre(string name) => Assert.Equal(name, GgufNames.ToHuggingFace(name));

    [Fact]
    public async Task OpenAsync_KeysThatMayBeMissing_HaveGemmasValues()
    {
        GgufBytes file = GgufBytes.Of(Tiny with { HeadDimension = 16, KeyValueHeadCount = 4 });
        foreach (string key in (string[])["gemma2.attention.head_count_kv", "gemma2.attention.key_length"]) Assert.True(file.Metadata.Remove(key));
        await using OpenModel model = await ModelReader.OpenAsync(Source(file), Cancellation);

        Assert.Null(model.Tokenizer);
        Assert.Equivalent(Tiny with { HeadDimension = 16, KeyValueHeadCount = 4, QueryPreAttentionScalar = 16 }, model.Config, strict: true);
    }

    [Fact]
    public async Task OpenAsync_FileOfAnOldConverter_HasGemmasValuesAndSaysSo()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        string[] keys = ["gemma2.attention.sliding_window", "gemma2.attn_logit_softcapping", "gemma2.final_logit_softcapping"];
        foreach (string key in keys) file.Metadata.Remove(key);
        await using OpenModel model = await ModelReader.OpenAsync(Source(file), Cancellation);
        Assert.Equivalent(Tiny, model.Config, strict: true);
        Assert.Equal([$"memory/m.gguf has no {string.Join(", no ", keys)}: Gemma 2's 4096, 50, 30 taken."], model.Description.Notes);

        foreach ((string key, object value) in keys.Zip<string, object>([64u, 40f, 20f])) file.Metadata[key] = value;
        await using OpenModel newer = await ModelReader.OpenAsync(Source(file), Cancellation);
        Assert.Equal((64, 40.0, 20.0), (newer.Config.Layers[0].Window, newer.Config.AttentionSoftcap, newer.Config.FinalSoftcap));
        Assert.Empty(newer.Description.Notes);
    }

    [Fact]
    public async Task OpenAsync_EndTokens_AreThoseOfAllKeys()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        foreach ((string key, uint token) in new[] { ("eos", 5u), ("eot", 6u), ("eom", 7u) }) file.Metadata[$"tokenizer.ggml.{key}_token_id"] = token;
        await using OpenModel model = await ModelReader.OpenAsync(Source(file), Cancellation);
        Assert.Equal([5, 6, 7, 107], model.Config.EndTokens);
    }

    [Fact]
    public async Task OpenAsync_SamplingOfNewerConverters_IsTheDefault()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        Assert.Equal(SamplingDefaults.None, await SamplingAsync(file));
        (file.Metadata["general.sampling.temp"], file.Metadata["general.sampling.top_k"], file.Metadata["general.sampling.top_p"]) = (0.7f, 64, 0.95f);
        Assert.Equal(new SamplingDefaults(0.7, 64, 0.95), await SamplingAsync(file));
        (file.Metadata["general.sampling.min_p"], file.Metadata["general.sampling.penalty_repeat"], file.Metadata["general.sampling.top_k"]) = (0.05f, 1.1f, -1);
        Assert.Equal(new SamplingDefaults(0.7, 0, 0.95, 0.05, 1.1), await SamplingAsync(file));
    }

    private static async Task<SamplingDefaults> SamplingAsync(GgufBytes file)
    {
        await using OpenModel model = await ModelReader.OpenAsync(Source(file), Cancellation);
        return model.Description.Sampling;
    }

    [Fact]
    public async Task OpenAsync_Of46Layers_HasTheQueryScaleOf27B()
    {
        await using OpenModel model = await ModelReader.OpenAsync(Source(GgufBytes.Of(Tiny with { Layers = LayerConfig.Alternating(46, 4096), HeadDimension = 32 })), Cancellation);
        Assert.Equal(64 / 4, model.Config.QueryPreAttentionScalar);
    }

    [Theory, InlineData(2, 32), InlineData(3, 1), InlineData(3, 8), InlineData(3, 256), InlineData(3, 4096)]
    public async Task ReadAsync_VersionsAndAlignments_AreRead(uint version, int alignment)
    {
        GgufBytes file = GgufBytes.Of(Tiny).WithVocabulary(270);
        (file.Version, file.Alignment, file.Metadata["general.alignment"]) = (version, alignment, (ulong)alignment);
        MemoryModelSource source = Source(file);
        RecordingSink sink = new();
        await sink.ReadAsync(source);

        byte[] bytes = source.Files["m.gguf"];
        Assert.All(sink.Announced, tensor => Assert.True(bytes.AsSpan((int)tensor.Offset, (int)tensor.Length).SequenceEqual(sink.Bytes(tensor.Name))));
        Assert.Equal(["m.gguf"], source.Opened);
        Assert.Equal(source.Opened, source.ReadToEnd);
        Assert.Equal(source.Opened, source.Closed);
    }

    [Fact]
    public async Task ReadAsync_FileWithoutTheLastPadding_IsRead()
    {
        GgufBytes file = GgufBytes.Of(Tiny with { VocabularySize = 271 }).WithVocabulary(271);
        file.Tensors.Reverse();
        file.Tensors.Add(("output.weight", TensorType.BF16, [271, 64]));
        (file.Alignment, file.Metadata["general.alignment"]) = (4096, (ushort)4096);
        byte[] bytes = file.Write();
        RecordingSink sink = new();
        await sink.ReadAsync(new MemoryModelSource(("m.gguf", bytes[..^(int)(4096 - (271 * 64 * 2 % 4096))])));
        Assert.Equal(TensorNames.Head, Assert.Single(sink.Announced, tensor => tensor.Type == TensorType.BF16).Name);
        Assert.Equal(25, sink.Announced.Count);
    }

    [Fact]
    public async Task OpenAsync_ValuesOfEveryTypeAndNestedArrays_ArePassedOver()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        object[] values =
        [
            (byte)1, (sbyte)-1, (ushort)1, (short)-1, 1u, -1, 1ul, -1L, 1f, 1.0, true, "", new byte[] { 1, 2, 3 }, new[] { "a", "" }, Array.Empty<string>(), new[] { 1.0 },
            new object[] { new[] { 1, 2 }, new object[] { new[] { "a" } } },
        ];
        foreach ((int index, object value) in values.Index()) file.Metadata[$"extra.{index}"] = value;
        await using OpenModel model = await ModelReader.OpenAsync(Source(file), Cancellation);
        Assert.Equal(24, model.Tensors.Count);
    }

    [Theory]
    [InlineData("general.architecture", "llama", "general.architecture is \"llama\"; allowed is \"gemma2\"")]
    [InlineData("general.architecture", "gemma", "general.architecture is \"gemma\": this is Gemma 1; allowed is \"gemma2\": this engine runs Gemma 2 and what was made from it.")]
    [InlineData("general.architecture", "gemma3", "general.architecture is \"gemma3\": this is Gemma 3; allowed is \"gemma2\"")]
    [InlineData("general.architecture", "gemma3n", "general.architecture is \"gemma3n\": this is Gemma 3n; allowed is \"gemma2\"")]
    [InlineData("general.architecture", "gemma-embedding", "general.architecture is \"gemma-embedding\": this is EmbeddingGemma, which writes no text; allowed is \"gemma2\"")]
    [InlineData("general.architecture", "t5gemma", "general.architecture is \"t5gemma\": this is T5Gemma, which has an encoder; allowed is \"gemma2\"")]
    [InlineData("general.type", "adapter", "general.type is \"adapter\": it changes a model, and is given beside that model, with --lora; allowed is \"model\".")]
    [InlineData("general.type", "mmproj", "general.type is \"mmproj\"; allowed is \"model\".")]
    [InlineData("gemma2.rope.scaling.factor", 2f, "gemma2.rope.scaling.factor is 2; allowed is 1")]
    [InlineData("general.sampling.temp", 3f, "general.sampling.temp is 3; allowed is a float from 0 to 2")]
    [InlineData("general.sampling.top_k", -2, "general.sampling.top_k is -2; allowed is a whole number from -1 to 2147483647")]
    [InlineData("general.sampling.top_p", "1", "general.sampling.top_p is \"1\"; allowed is a float")]
    [InlineData("tokenizer.ggml.eom_token_id", 270u, "tokenizer.ggml.eom_token_id is 270; allowed is a whole number from 0 to 269")]
    [InlineData("general.architecture", 1u, "general.architecture is 1; allowed is a string")]
    [InlineData("general.alignment", 24u, "general.alignment is 24; allowed is a power of two")]
    [InlineData("gemma2.rope.scaling.type", "yarn", "gemma2.rope.scaling.type is \"yarn\"; allowed is \"none\"")]
    [InlineData("gemma2.attention.head_count", new[] { 4, 4 }, "gemma2.attention.head_count is an array; allowed is a whole number")]
    [InlineData("gemma2.attention.head_count_kv", 3u, "gemma2.attention.head_count is 4; allowed is a multiple of gemma2.attention.head_count_kv, which is 3")]
    [InlineData("gemma2.attention.key_length", 33u, "gemma2.attention.key_length is 33; allowed is an even number")]
    [InlineData("gemma2.attention.value_length", 16u, "gemma2.attention.value_length is 16; allowed is a whole number from 32 to 32")]
    [InlineData("gemma2.attention.sliding_window", -1, "gemma2.attention.sliding_window is -1;")]
    [InlineData("gemma2.final_logit_softcapping", float.NaN, "gemma2.final_logit_softcapping is NaN; allowed is a float from 0")]
    [InlineData("gemma2.attn_logit_softcapping", true, "gemma2.attn_logit_softcapping is true; allowed is a float from 0")]
    [InlineData("tokenizer.ggml.eos_token_id", ulong.MaxValue, "tokenizer.ggml.eos_token_id is 18446744073709551615; allowed is a whole number from 0 to 269")]
    [InlineData("split.count", 3u, "m.gguf: is one of 3 parts; the others must lie beside it, named NAME-00001-of-00003.gguf and so on")]
    public async Task OpenAsync_ValueThatIsNotAllowed_IsRefused(string key, object value, string reason)
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        file.Metadata[key] = value;
        await AssertRefusedAsync(Source(file), reason);
    }

    [Theory]
    [InlineData("blk.1.ffn_norm.weight", TensorType.Q4_0, "blk.1.ffn_norm.weight is Q4_0; allowed for norms are F32, F16 and BF16")]
    [InlineData("blk.1.attn_q.weight", TensorType.Q4_K, "blk.1.attn_q.weight is Q4_K with rows of 64; allowed are multiples of 256")]
    public async Task OpenAsync_TypeThatIsNotAllowedThere_IsRefused(string tensor, TensorType type, string reason)
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        int index = file.Tensors.FindIndex(entry => entry.Name == tensor);
        file.Tensors[index] = file.Tensors[index] with { Type = type };
        await AssertRefusedAsync(Source(file), reason);
    }

    [Fact]
    public async Task OpenAsync_NameOfTheOtherFormatBesideItsOwn_IsRefused()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        file.Tensors.Add((TensorNames.FinalNorm, TensorType.F32, [64]));
        await AssertRefusedAsync(Source(file), "output_norm.weight is there twice");
    }

    [Fact]
    public async Task OpenAsync_BigEndianFile_IsRefused()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        file.Version = 3 << 24;
        await AssertRefusedAsync(Source(file), "m.gguf: is a big-endian GGUF file");
    }

    [Fact]
    public async Task OpenAsync_TypeThatExistsElsewhere_IsRefusedByItsName()
    {
        byte[] bytes = GgufBytes.Of(Tiny).Write();
        int type = bytes.AsSpan().IndexOf("blk.0.attn_q.weight"u8) + "blk.0.attn_q.weight".Length + 4 + 16;
        bytes[type] = 16;
        await AssertRefusedAsync(new MemoryModelSource(("m.gguf", bytes)), "blk.0.attn_q.weight has the type IQ2_XXS; supported are F32, F16, BF16, Q8_0");
    }

    [Fact]
    public async Task OpenAsync_MoreThanPaddingAfterTheData_IsRefused() =>
        await AssertRefusedAsync(new MemoryModelSource(("m.gguf", [.. GgufBytes.Of(Tiny).Write(), .. new byte[32]])), "the last 32 bytes belong to no tensor");

    [Fact]
    public async Task OpenAsync_HeaderThatIsLongerThanAnyModels_IsRefusedUnread()
    {
        GgufBytes file = GgufBytes.Of(Tiny);
        file.Metadata["extra"] = new string('x', 1000);
        byte[] bytes = file.Write();
        MemoryModelSource source = new(("m.gguf", bytes)) { ListedLengths = { ["m.gguf"] = 60L << 30 } };
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.AsSpan().IndexOf("extra"u8) + 9), 30L << 30);
        await AssertRefusedAsync(source, "a metadata value has the length 32212254720");
    }

    [Fact]
    public async Task ReadAsync_Parts_AreReadAsOneModel()
    {
        RecordingSink sink = new();
        await sink.ReadAsync(Split());
        Assert.Equal(TensorCatalog.Shapes(Tiny).Select(tensor => tensor.Key), sink.Announced.Select(tensor => tensor.Name));
        Assert.All(sink.Announced, tensor => Assert.Equal(tensor.Length, sink.Bytes(tensor.Name).Length));
    }

    [Fact]
    public async Task OpenAsync_PartThatIsMissing_IsNamed()
    {
        MemoryModelSource source = Split();
        source.Files.Remove("m-00002-of-00003.gguf");
        await AssertRefusedAsync(source, "memory: has no m-00002-of-00003.gguf, which belongs to m-00001-of-00003.gguf.");
    }

    [Fact]
    public async Task OpenAsync_SeveralModels_AreRefused() =>
        await AssertRefusedAsync(
            new MemoryModelSource(("a.gguf", []), ("b.gguf", [])), "memory: has several .gguf models; name the file to be read.");

    [Fact]
    public async Task OpenAsync_GgufBesideConfigJson_IsNotRead()
    {
        MemoryModelSource source = MemoryModelSource.Of(GoldenModels.Open("a-base").Folder);
        source.Files.Add("other.gguf", []);
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        Assert.All(model.Tensors, tensor => Assert.Equal("model.safetensors", tensor.File));
    }

    private static MemoryModelSource Source(GgufBytes file) => new(("m.gguf", file.Write()));

    /// <summary>Three parts: only the first has the model's metadata.</summary>
    private static MemoryModelSource Split()
    {
        MemoryModelSource source = new();
        GgufBytes whole = GgufBytes.Of(Tiny).WithVocabulary(270);
        foreach ((int index, (string Name, TensorType Type, long[] Shape)[] tensors) in whole.Tensors.Chunk(10).Index())
        {
            GgufBytes part = index == 0 ? GgufBytes.Of(Tiny).WithVocabulary(270) : new GgufBytes();
            part.Metadata["split.no"] = (ushort)index;
            part.Metadata["split.count"] = (ushort)3;
            part.Metadata["split.tensors.count"] = whole.Tensors.Count;
            part.Tensors.Clear();
            part.Tensors.AddRange(tensors);
            source.Files.Add($"m-{index + 1:D5}-of-00003.gguf", part.Write());
        }

        return source;
    }

    private static async Task AssertRefusedAsync(MemoryModelSource source, string reason)
    {
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => ModelReader.OpenAsync(source, Cancellation));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("memory", error.Message, StringComparison.Ordinal);
        Assert.Equal(source.Opened, source.Closed);
    }
}
