using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Makes safetensors files.</summary>
internal static class SafetensorsWriter
{
    /// <summary>A file of these tensors, each filled with bytes that differ from its neighbours'.</summary>
    public static byte[] Write(IEnumerable<(string Name, TensorType Type, long[] Shape)> tensors)
    {
        Dictionary<string, object> header = [];
        long end = 0;
        foreach ((string name, TensorType type, long[] shape) in tensors)
        {
            long begin = end;
            end += shape.Aggregate((long)type.Size(), (product, dimension) => product * dimension);
            header.Add(name, new { dtype = type.ToString(), shape, data_offsets = new[] { begin, end } });
        }

        byte[] data = new byte[end];
        for (int i = 0; i < data.Length; i++) data[i] = (byte)(i * 31 + (i >> 8));
        return Join(JsonSerializer.SerializeToUtf8Bytes(header), data);
    }

    /// <summary>A file of this header and data.</summary>
    public static byte[] Write(string header, int dataLength) => Join(Encoding.UTF8.GetBytes(header), new byte[dataLength]);

    /// <summary>All tensors of a configuration, as F32.</summary>
    public static List<(string Name, TensorType Type, long[] Shape)> Tensors(Gemma2Config config) =>
        [.. TensorCatalog.Shapes(config).Select(tensor => (tensor.Key, TensorType.F32, tensor.Value))];

    /// <summary>The config.json of a configuration: the sizes, all else by default.</summary>
    public static byte[] ConfigJson(Gemma2Config config) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        model_type = "gemma2",
        vocab_size = config.VocabularySize,
        hidden_size = config.HiddenSize,
        intermediate_size = config.IntermediateSize,
        num_hidden_layers = config.LayerCount,
        num_attention_heads = config.HeadCount,
        num_key_value_heads = config.KeyValueHeadCount,
        head_dim = config.HeadDimension,
        query_pre_attn_scalar = config.QueryPreAttentionScalar,
    });

    private static byte[] Join(byte[] header, byte[] data)
    {
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        return [.. prefix, .. header, .. data];
    }
}
