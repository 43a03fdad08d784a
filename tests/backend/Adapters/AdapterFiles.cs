using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>A LoRA adapter that is made in a test, and the files that PEFT and llama.cpp make of it.</summary>
internal sealed class AdapterFiles
{
    /// <summary>A and B by the matrices that they belong to, as <see cref="TensorNames"/> has these.</summary>
    public Dictionary<string, (float[] A, float[] B, int Rank)> Matrices { get; } = [];

    /// <summary>Tensors as they were trained, by the model's that they take the place of.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Wholes { get; } = [];

    /// <summary>How the files store numbers.</summary>
    public TensorType Type { get; init; } = TensorType.F32;

    /// <summary>adapter_config.json, as today's PEFT writes it.</summary>
    public JsonObject Config { get; } = (JsonObject)JsonNode.Parse(
        """
        {"alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "google/gemma-2-2b-it", "bias": "none", "corda_config": null, "eva_config": null,
         "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
         "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16, "lora_bias": false, "lora_dropout": 0.05, "megatron_config": null,
         "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA", "peft_version": "0.18.0", "qalora_group_size": 16, "r": 4, "rank_pattern": {},
         "revision": null, "target_modules": ["q_proj", "down_proj"], "target_parameters": null, "task_type": "CAUSAL_LM", "trainable_token_indices": null,
         "use_dora": false, "use_qalora": false, "use_rslora": false}
        """)!;

    /// <summary>An adapter for matrices of a model; the same seed gives the same numbers.</summary>
    public static AdapterFiles Of(Gemma2Config config, int rank, int seed, IEnumerable<string> targets, TensorType type = TensorType.F32)
    {
        AdapterFiles files = new() { Type = type };
        files.Config["r"] = rank;
        Dictionary<string, long[]> shapes = new(TensorCatalog.Shapes(config));
        Random random = new(seed);
        foreach (string target in targets)
            files.Matrices.Add(target, (files.Stored(random, rank * (int)shapes[target][1]), files.Stored(random, (int)shapes[target][0] * rank), rank));
        return files;
    }

    /// <summary>The adapter as PEFT saves it.</summary>
    /// <param name="adapter">The adapter's name in the tensors' names; older versions write "default".</param>
    /// <param name="prefix">What tensors' names begin with.</param>
    public MemoryModelSource Peft(string? adapter = null, string prefix = "base_model.model.")
    {
        string name = adapter is null ? "" : $".{adapter}";
        // Embeddings are turned round.
        IEnumerable<(string, TensorType, long[], float[])> Product(string target, float[] a, float[] b, int rank)
        {
            (string module, int columns, int rows) = (prefix + target[..^".weight".Length], a.Length / rank, b.Length / rank);
            bool isEmbedding = target == TensorNames.Embedding;
            yield return isEmbedding
                ? ($"{module}.lora_embedding_A{name}", Type, [rank, rows], Transposed(b, rank))
                : ($"{module}.lora_A{name}.weight", Type, [rank, columns], a);
            yield return isEmbedding
                ? ($"{module}.lora_embedding_B{name}", Type, [columns, rank], Transposed(a, columns))
                : ($"{module}.lora_B{name}.weight", Type, [rows, rank], b);
        }
        return new MemoryModelSource(
            ("adapter_config.json", JsonSerializer.SerializeToUtf8Bytes(Config)),
            ("adapter_model.safetensors", Safetensors(
            [
                .. Matrices.SelectMany(entry => Product(entry.Key, entry.Value.A, entry.Value.B, entry.Value.Rank)),
                .. Wholes.Select(entry => (prefix + entry.Key, Type, entry.Value.Shape, entry.Value.Values)),
            ])));
    }

    /// <summary>The adapter as llama.cpp's converter writes it.</summary>
    public MemoryModelSource Gguf(Action<Dictionary<string, object>>? change = null)
    {
        Dictionary<string, object> metadata = new()
        {
            ["general.architecture"] = "gemma2",
            ["general.type"] = "adapter",
            ["general.name"] = "test",
            ["adapter.type"] = "lora",
            ["adapter.lora.alpha"] = (float)Config["lora_alpha"]!.GetValue<double>(),
        };
        change?.Invoke(metadata);
        List<(TensorEntry Entry, float[] Values)> tensors = [];
        foreach ((string target, (float[] a, float[] b, int rank)) in Matrices)
        {
            string name = GgufNames.FromHuggingFace(target);
            bool isEmbedding = target == TensorNames.Embedding;
            tensors.Add(isEmbedding ? (Entry(name + ".lora_a", b.Length / rank, rank), b) : (Entry(name + ".lora_a", rank, a.Length / rank), a));
            tensors.Add(isEmbedding ? (Entry(name + ".lora_b", a.Length / rank, rank), Transposed(a, a.Length / rank)) : (Entry(name + ".lora_b", b.Length / rank, rank), b));
        }
        // Norms as factors, as GGUF has them.
        foreach ((string target, (long[] shape, float[] values)) in Wholes)
            tensors.Add((Entry(GgufNames.FromHuggingFace(target), 1, values.Length) with { Shape = shape }, Array.ConvertAll(values, value => value + 1)));
        return new MemoryModelSource(("adapter.gguf", Gguf(metadata, tensors)));
    }

    private byte[] Gguf(Dictionary<string, object> metadata, List<(TensorEntry Entry, float[] Values)> tensors)
    {
        using MemoryStream stream = new();
        GgufWriter.WriteHeader(stream, [.. metadata], [.. tensors.Select(tensor => tensor.Entry)]);
        foreach ((TensorEntry entry, float[] values) in tensors)
        {
            stream.Write(Bytes(Type, values));
            stream.Write(new byte[GgufWriter.Padding(entry.Length)]);
        }
        return stream.ToArray();
    }

    /// <summary>What a matrix is with this adapter added: in double precision, rounded once to float32.</summary>
    /// <param name="target">The matrix.</param>
    /// <param name="weights">Its numbers, which become those with the adapter.</param>
    /// <param name="factor">What the product of A and B is multiplied by.</param>
    public void AddTo(string target, Span<double> weights, double factor)
    {
        (float[] a, float[] b, int rank) = Matrices[target];
        int columns = a.Length / rank;
        for (int row = 0; row < weights.Length / columns; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                double sum = 0;
                for (int k = 0; k < rank; k++) sum += (double)b[(row * rank) + k] * a[(k * columns) + column];
                weights[(row * columns) + column] += factor * sum;
            }
        }
    }

    /// <summary>A safetensors file of these numbers.</summary>
    public static byte[] Safetensors(IEnumerable<(string Name, TensorType Type, long[] Shape, float[] Values)> tensors)
    {
        JsonObject header = new() { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        using MemoryStream data = new();
        foreach ((string name, TensorType type, long[] shape, float[] values) in tensors)
        {
            long begin = data.Position;
            data.Write(Bytes(type, values));
            header[name] = new JsonObject { ["dtype"] = type.ToString(), ["shape"] = JsonSerializer.SerializeToNode(shape), ["data_offsets"] = new JsonArray(begin, data.Position) };
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header), prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, json.Length);
        return [.. prefix, .. json, .. data.ToArray()];
    }

    /// <summary>Numbers as a file has them.</summary>
    public static byte[] Bytes(TensorType type, float[] values)
    {
        byte[] bytes = new byte[type.RowBytes(values.Length)];
        BlockCodec.Quantize(type, values, bytes);
        return bytes;
    }

    /// <summary>Rows as columns.</summary>
    private static float[] Transposed(float[] values, int columns) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[(i % (values.Length / columns) * columns) + (i / (values.Length / columns))])];

    /// <summary>Random numbers as they are when they come back from a file.</summary>
    private float[] Stored(Random random, int count)
    {
        float[] values = [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * 0.2))];
        BlockCodec.Dequantize(Type, Bytes(Type, values), values);
        return values;
    }

    private TensorEntry Entry(string name, long rows, long columns) => new(name, Type, [rows, columns], "adapter.gguf", 0, rows * Type.RowBytes(columns));
}
