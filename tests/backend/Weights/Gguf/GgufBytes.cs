using System.Text;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Weights.Gguf;

/// <summary>Makes GGUF files, also such as no program would write.</summary>
internal sealed class GgufBytes
{
    /// <summary>Format version.</summary>
    public uint Version { get; set; } = 3;

    /// <summary>What the data of tensors is aligned to.</summary>
    public int Alignment { get; set; } = 32;

    /// <summary>Keys and values: whole numbers, floats, bools, texts and arrays of them.</summary>
    public Dictionary<string, object> Metadata { get; } = [];

    /// <summary>Tensors by their names in the file; shapes outermost first.</summary>
    public List<(string Name, TensorType Type, long[] Shape)> Tensors { get; } = [];

    /// <summary>A small model: the sizes of a configuration, no vocabulary, all else by default.</summary>
    public static GgufBytes Of(Gemma2Config config)
    {
        GgufBytes file = new();
        file.Metadata["general.architecture"] = "gemma2";
        file.Metadata["gemma2.embedding_length"] = (uint)config.HiddenSize;
        file.Metadata["gemma2.block_count"] = (uint)config.LayerCount;
        file.Metadata["gemma2.feed_forward_length"] = (uint)config.IntermediateSize;
        file.Metadata["gemma2.attention.head_count"] = (uint)config.HeadCount;
        file.Metadata["gemma2.attention.head_count_kv"] = (uint)config.KeyValueHeadCount;
        file.Metadata["gemma2.attention.key_length"] = (uint)config.HeadDimension;
        file.Tensors.AddRange(TensorCatalog.Shapes(config).Select(tensor => (GgufNames.FromHuggingFace(tensor.Key), TensorType.F32, tensor.Value)));
        return file;
    }

    /// <summary>Adds a vocabulary: Gemma's special pieces, the bytes, one space run, and pieces up to a number.</summary>
    public GgufBytes WithVocabulary(int count)
    {
        string[] pieces = [.. (string[])["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"],
            .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), "   ", .. Enumerable.Range(0, count - 263).Select(number => $"p{number}")];
        Metadata["tokenizer.ggml.model"] = "llama";
        Metadata["tokenizer.ggml.tokens"] = pieces;
        Metadata["tokenizer.ggml.scores"] = pieces.Select((_, id) => -(float)id).ToArray();
        Metadata["tokenizer.ggml.token_type"] = pieces.Select((_, id) => id < 6 ? 3 : id < 262 ? 6 : id == 262 ? 4 : 1).ToArray();
        return this;
    }

    /// <summary>The file; data differs from its neighbours'.</summary>
    public byte[] Write()
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)Tensors.Count);
        writer.Write((ulong)Metadata.Count);
        foreach ((string key, object value) in Metadata)
        {
            Write(writer, key);
            writer.Write((uint)TypeOf(value));
            Write(writer, value);
        }

        long offset = 0;
        foreach ((string name, TensorType type, long[] shape) in Tensors)
        {
            Write(writer, name);
            writer.Write((uint)shape.Length);
            foreach (long dimension in shape.Reverse()) writer.Write(dimension);
            writer.Write(GgufTensorType.NumberOf(type));
            writer.Write(offset);
            offset = Aligned(offset + Bytes(type, shape));
        }

        byte[] data = new byte[offset];
        for (int i = 0; i < data.Length; i++) data[i] = (byte)(i * 31 + (i >> 8));
        writer.Write(new byte[Aligned(stream.Position) - stream.Position]);
        writer.Write(data);
        return stream.ToArray();
    }

    private long Aligned(long position) => (position + Alignment - 1) / Alignment * Alignment;

    private static long Bytes(TensorType type, long[] shape) => shape.Aggregate(1L, (product, dimension) => product * dimension) / type.BlockElements() * type.BlockBytes();

    private static void Write(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case byte number: writer.Write(number); break;
            case sbyte number: writer.Write(number); break;
            case ushort number: writer.Write(number); break;
            case short number: writer.Write(number); break;
            case uint number: writer.Write(number); break;
            case int number: writer.Write(number); break;
            case ulong number: writer.Write(number); break;
            case long number: writer.Write(number); break;
            case float number: writer.Write(number); break;
            case double number: writer.Write(number); break;
            case bool flag: writer.Write(flag); break;
            case string text: WriteText(writer, text); break;
            case Array array: WriteArray(writer, array); break;
            default: throw new ArgumentException($"{value.GetType()} is no GGUF type.");
        }
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)utf8.Length);
        writer.Write(utf8);
    }

    private static void WriteArray(BinaryWriter writer, Array array)
    {
        writer.Write((uint)TypeOf(array.Length > 0 ? array.GetValue(0)! : 0u));
        writer.Write((ulong)array.Length);
        foreach (object element in array) Write(writer, element);
    }

    private static GgufValueType TypeOf(object value) => value switch
    {
        byte => GgufValueType.UInt8,
        sbyte => GgufValueType.Int8,
        ushort => GgufValueType.UInt16,
        short => GgufValueType.Int16,
        uint => GgufValueType.UInt32,
        int => GgufValueType.Int32,
        ulong => GgufValueType.UInt64,
        long => GgufValueType.Int64,
        float => GgufValueType.Float32,
        double => GgufValueType.Float64,
        bool => GgufValueType.Bool,
        string => GgufValueType.String,
        _ => GgufValueType.Array,
    };
}
