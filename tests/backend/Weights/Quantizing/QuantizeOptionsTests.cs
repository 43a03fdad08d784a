using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Weights.Quantizing;

/// <summary>What <c>gemma2 quantize</c> is asked for beside a type, in a file that is written.</summary>
public sealed class QuantizeOptionsTests
{
    private const string EmbeddingNote = "token_embd.weight becomes Q8_0 instead of Q6_K: its rows are no multiple of 256.";

    private static readonly QuantizeOptions Q4 = new(WeightType.Q4_0);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WriteAsync_Overrides_GiveTheirTypesAndTheFirstCounts()
    {
        (_, Dictionary<string, TensorType> types) = await TypesAsync(Q4 with { Overrides = Overrides(@"blk\.[01]\.ATTN_V=Q8_0", "attn_v=Q5_1", "token_embd=bf16", "^blk.2.ffn_(up|gate)=f16") });
        Assert.Equal([TensorType.Q8_0, TensorType.Q8_0, TensorType.Q5_1, TensorType.Q5_1, TensorType.Q5_1, TensorType.Q5_1], Enumerable.Range(0, 6).Select(layer => types[TensorNames.Value(layer)]));
        Assert.Equal(TensorType.BF16, types[TensorNames.Embedding]);
        Assert.Equal((TensorType.F16, TensorType.F16, TensorType.Q4_0), (types[TensorNames.Gate(2)], types[TensorNames.Up(2)], types[TensorNames.Up(3)]));
    }

    [Fact]
    public async Task WriteAsync_OverrideByHuggingFacesName_MeansTheSameMatrices()
    {
        (_, Dictionary<string, TensorType> types) = await TypesAsync(Q4 with { Overrides = Overrides(@"layers\.1\.self_attn\.[qk]_proj=q8_0") });
        Assert.Equal([TensorNames.Query(1), TensorNames.Key(1)], types.Where(type => type.Value == TensorType.Q8_0 && type.Key != TensorNames.Embedding).Select(type => type.Key));
    }

    [Theory]
    [InlineData("attn_x=q8_0", "'attn_x=Q8_0' means no matrix; they have names such as token_embd.weight, blk.0.attn_q.weight,")]
    [InlineData("_norm=q8_0", "'_norm=Q8_0' means no matrix;")]
    [InlineData("(.+)+(.+)+(.+)+(.+)+(.+)+!=q8_0", "does not come to an end")]
    public async Task WriteAsync_OverrideThatMeansNothing_IsNamed(string pattern, string message) =>
        Assert.Contains(message, (await Assert.ThrowsAsync<ModelException>(() => TypesAsync(Q4 with { Overrides = Overrides(pattern) }))).Message);

    [Theory, InlineData("attn_v"), InlineData("=q8_0"), InlineData("attn_v="), InlineData("attn_v=q9"), InlineData("attn_v=3"), InlineData("(=q8_0"), InlineData("attn_v=q4_k_m")]
    public void TryParse_NoPatternOrType_IsNone(string text) => Assert.Null(TensorTypeOverride.TryParse(text));

    [Fact]
    public async Task WriteAsync_RowsThatATypeDoesNotFit_GetTheNextOne()
    {
        (WrittenModel written, Dictionary<string, TensorType> types) = await TypesAsync(Q4 with { Overrides = Overrides("blk.0.attn_v=q6_k", "blk.[12].attn_q=q4_k") });
        Assert.Equal((TensorType.Q8_0, TensorType.Q5_0), (types[TensorNames.Value(0)], types[TensorNames.Query(1)]));
        Assert.Equal(
            ["2 matrices (token_embd.weight ...) become Q8_0 instead of Q6_K: their rows are no multiple of 256.", "2 matrices (blk.1.attn_q.weight ...) become Q5_0 instead of Q4_K: their rows are no multiple of 256."],
            written.Notes);
    }

    [Fact]
    public async Task WriteAsync_Types_AreCounted()
    {
        (byte[] file, WrittenModel written) = await WriteAsync(Nano(), Q4);
        Assert.Equal([EmbeddingNote], written.Notes);
        Assert.Equal([(TensorType.Q4_0, 42), (TensorType.Q8_0, 1), (TensorType.F32, 25)], written.Types.Select(share => (share.Type, share.Tensors)));
        Assert.InRange(file.Length - written.Types.Sum(share => share.Bytes), 1, 200_000);
    }

    [Theory, InlineData(WeightType.Q4_0), InlineData(WeightType.Q5_1), InlineData(WeightType.IQ4_NL)]
    public async Task WriteAsync_WithImportance_ErrsLessWhereItCounts(WeightType type)
    {
        Gemma2Config config = await ConfigAsync();
        Dictionary<string, float[]> sums = ImportanceFiles.Sums(config);
        QuantizeOptions plain = new(type) { Pure = true }, weighted = plain with { Importance = await ImportanceMatrix.ReadAsync("i.gguf", ImportanceFiles.Gguf(sums)) };
        Dictionary<string, float[]> exact = await ValuesAsync(Nano()), without = await ValuesAsync(Written(await WriteAsync(Nano(), plain))), with = await ValuesAsync(Written(await WriteAsync(Nano(), weighted)));
        foreach (string name in exact.Keys)
        {
            if (!sums.TryGetValue(GgufNames.FromHuggingFace(name), out float[]? counted)) Assert.Equal(without[name], with[name]);
            else Assert.True(Error(with[name], exact[name], counted) < Error(without[name], exact[name], counted), name);
        }
    }

    [Fact]
    public async Task WriteAsync_WithImportance_TakesTheTypesOfLlamaCppsPresets()
    {
        ImportanceMatrix importance = await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Legacy(ImportanceFiles.Sums(await ConfigAsync())));
        Gemma2Config eight = Gemma2Shapes.Tiny with { Layers = LayerConfig.Alternating(8, 64), HeadCount = 2, KeyValueHeadCount = 1 };
        TensorType Down(WeightType type, bool known, int layer) => new Backend.Tensors.Quantization.WeightMix(type, eight, hasImportance: known).WantedOf(TensorNames.Down(layer));
        Assert.Equal((TensorType.Q4_1, TensorType.Q4_0, TensorType.Q4_0), (Down(WeightType.Q4_0, true, 0), Down(WeightType.Q4_0, true, 1), Down(WeightType.Q4_0, false, 0)));
        Assert.Equal((TensorType.Q5_1, TensorType.Q5_0), (Down(WeightType.Q5_0, true, 0), Down(WeightType.Q5_0, false, 0)));
        Assert.Equal((TensorType.IQ4_XS, TensorType.Q5_K), (Down(WeightType.IQ4_XS, true, 0), Down(WeightType.IQ4_XS, false, 0)));
        Assert.Equal([EmbeddingNote], (await WriteAsync(Nano(), Q4 with { Importance = importance })).Report.Notes);
    }

    [Fact]
    public async Task WriteAsync_WithImportance_NotesItInTheFile()
    {
        QuantizeOptions options = new(WeightType.Q5_0) { Importance = await ImportanceMatrix.ReadAsync("calibrated/i.gguf", ImportanceFiles.Gguf(ImportanceFiles.Sums(await ConfigAsync()))) };
        GgufMetadata keys = await KeysAsync((await WriteAsync(Nano(), options)).File);
        Assert.Equal(("calibrated/i.gguf", "calibration.txt"), (keys.Text("quantize.imatrix.file"), keys.Text("quantize.imatrix.dataset")));
        Assert.Equal((42, 7, 8), (Integer("quantize.imatrix.entries_count"), Integer("quantize.imatrix.chunks_count"), Integer("general.file_type")));
        Assert.False((await KeysAsync((await WriteAsync(Nano(), Q4)).File)).Has("quantize.imatrix.file"));

        int Integer(string key) => keys.Integer(key, 0, int.MaxValue);
    }

    [Fact]
    public async Task WriteAsync_ImportanceOfAnotherModel_IsRefused()
    {
        Dictionary<string, float[]> sums = ImportanceFiles.Sums(await ConfigAsync());
        await AssertRefusedAsync(new(sums) { ["blk.6.attn_q.weight"] = [1, 2] }, "i: blk.6.attn_q.weight is no matrix of nano: it was measured with another model.");
        await AssertRefusedAsync(new(sums) { ["blk.5.attn_q.weight"] = new float[64] }, null);
        await AssertRefusedAsync(new(sums) { ["blk.5.attn_q.weight"] = [.. Enumerable.Repeat(1f, 64)] }, "i: blk.5.attn_q.weight has 64 numbers, and rows of nano have 128: it was measured with another model.");
        await AssertRefusedAsync(new(sums) { ["output.weight"] = [1, 2] }, null);
    }

    [Fact]
    public async Task WriteAsync_ImportanceOfSomeMatrices_IsNotedOnce()
    {
        Dictionary<string, float[]> some = ImportanceFiles.Sums(await ConfigAsync()).Where(matrix => matrix.Key.StartsWith("blk.0.", StringComparison.Ordinal)).ToDictionary();
        WrittenModel written = (await WriteAsync(Nano(), Q4 with { Importance = await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Legacy(some)) })).Report;
        Assert.Equal([EmbeddingNote, "i says nothing about 35 of 43 matrices (blk.1.attn_q.weight ...): their scales are searched without it."], written.Notes);
    }

    [Theory, InlineData(WeightType.F16), InlineData(WeightType.Q8_0)]
    public async Task WriteAsync_ImportanceThatChangesNothing_IsNoted(WeightType type)
    {
        ImportanceMatrix importance = await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Legacy(ImportanceFiles.Sums(await ConfigAsync())));
        (byte[] with, WrittenModel written) = await WriteAsync(Nano(), new QuantizeOptions(type) { Importance = importance });
        Assert.StartsWith("i changes nothing:", Assert.Single(written.Notes));
        Assert.Equal((await WriteAsync(Nano(), new QuantizeOptions(type))).File[^500_000..], with[^500_000..]);
    }

    [Fact]
    public async Task WriteAsync_AllowRequantize_QuantizesAgain()
    {
        IModelSource quantized = Written(await WriteAsync(Nano(), new QuantizeOptions(WeightType.Q8_0)));
        Assert.Contains("--allow-requantize", (await Assert.ThrowsAsync<ModelException>(() => WriteAsync(quantized, Q4))).Message);
        Dictionary<string, float[]> once = await ValuesAsync(quantized), twice = await ValuesAsync(Written(await WriteAsync(quantized, Q4 with { AllowRequantize = true })));
        double error = Error(twice[TensorNames.Gate(0)], once[TensorNames.Gate(0)], [1]), energy = once[TensorNames.Gate(0)].Sum(value => (double)value * value);
        Assert.InRange(error / energy, 1e-4, 0.02);
    }

    private static async Task AssertRefusedAsync(Dictionary<string, float[]> sums, string? message)
    {
        Task<(byte[], WrittenModel)> writing = WriteAsync(Nano(), Q4 with { Importance = await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Legacy(sums)) });
        if (message is null) await writing;
        else Assert.Equal(message, (await Assert.ThrowsAsync<ModelException>(() => writing)).Message);
    }

    private static FolderModelSource Nano() => new(NanoModel.Folder);

    private static MemoryModelSource Written((byte[] File, WrittenModel) written) => new(("m.gguf", written.File));

    private static TensorTypeOverride[] Overrides(params string[] texts) => [.. texts.Select(text => TensorTypeOverride.TryParse(text)!)];

    private static async Task<(byte[] File, WrittenModel Report)> WriteAsync(IModelSource source, QuantizeOptions options)
    {
        using MemoryStream file = new();
        WrittenModel written = await ModelQuantizer.WriteAsync(source, options, file, cancellationToken: Cancellation);
        return (file.ToArray(), written);
    }

    private static async Task<(WrittenModel Report, Dictionary<string, TensorType> Types)> TypesAsync(QuantizeOptions options)
    {
        (byte[] File, WrittenModel Report) written = await WriteAsync(Nano(), options);
        await using OpenModel model = await ModelReader.OpenAsync(Written(written), Cancellation);
        return (written.Report, model.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Type));
    }

    private static async Task<Gemma2Config> ConfigAsync()
    {
        await using OpenModel model = await ModelReader.OpenAsync(Nano(), Cancellation);
        return model.Config;
    }

    private static async Task<GgufMetadata> KeysAsync(byte[] file) =>
        (await GgufHeader.ReadAsync(new GgufReader(new MemoryStream(file), "m", file.Length, Cancellation), "m", "m.gguf", file.Length)).Metadata;

    /// <summary>The numbers of all matrices.</summary>
    private static async Task<Dictionary<string, float[]>> ValuesAsync(IModelSource source)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, Cancellation);
        RecordingSink sink = new();
        await model.ReadAsync(sink, cancellationToken: Cancellation);
        return model.Tensors.Where(tensor => tensor.Shape.Count > 1).ToDictionary(tensor => tensor.Name, tensor =>
        {
            float[] values = new float[tensor.Shape[0] * tensor.Shape[1]];
            BlockCodec.Dequantize(tensor.Type, sink.Bytes(tensor.Name), values);
            return values;
        });
    }

    private static double Error(float[] values, float[] exact, float[] counted) =>
        values.Select((value, i) => counted[i % counted.Length] * Math.Pow((double)value - exact[i], 2)).Sum();
}
