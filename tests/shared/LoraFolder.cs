using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gemma2.Testing;

/// <summary>A LoRA adapter for <c>samples/nano</c>, as PEFT saves it.</summary>
internal static class LoraFolder
{
    private const int Rank = 4, Hidden = 128, Intermediate = 384;

    /// <summary>Writes an adapter of two matrices, whose numbers follow from the seed. It is strong enough that a model answers otherwise.</summary>
    /// <returns>The folder.</returns>
    public static string Write(string folder, int seed)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), $$"""{"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "nano", "r": {{Rank}}, "lora_alpha": 16, "target_modules": ["q_proj", "down_proj"]}""");
        Random random = new(seed);
        JsonObject header = [];
        using MemoryStream data = new();
        foreach ((string module, int rows, int columns) in ((string, int, int)[])[("model.layers.1.self_attn.q_proj", Hidden, Hidden), ("model.layers.4.mlp.down_proj", Hidden, Intermediate)])
        {
            Add($"base_model.model.{module}.lora_A.weight", Rank, columns);
            Add($"base_model.model.{module}.lora_B.weight", rows, Rank);
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header), prefix = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, json.Length);
        File.WriteAllBytes(Path.Combine(folder, "adapter_model.safetensors"), [.. prefix, .. json, .. data.ToArray()]);
        return folder;

        void Add(string name, int rows, int columns)
        {
            long begin = data.Position;
            byte[] number = new byte[sizeof(float)];
            for (int i = 0; i < rows * columns; i++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(number, (float)(random.NextDouble() - 0.5));
                data.Write(number);
            }
            header[name] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(rows, columns), ["data_offsets"] = new JsonArray(begin, data.Position) };
        }
    }
}
