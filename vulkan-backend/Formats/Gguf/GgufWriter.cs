using System.Text;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// Writes the header of a GGUF file, version 3: magic, version, counts, metadata, tensors, and padding up to where the data begins.
/// Source: https://github.com/ggml-org/ggml, docs/gguf.md.
/// </summary>
internal static class GgufWriter
{
    /// <summary>The data of every tensor begins at a multiple of this, counted from the begin of the first.</summary>
    public const int Alignment = 32;

    private const uint Magic = 0x46554747;
    private const uint Version = 3;

    /// <summary>Writes a header.</summary>
    /// <param name="stream">The file, at its begin.</param>
    /// <param name="metadata">Keys and values: <see cref="uint"/>, <see cref="float"/>, <see cref="bool"/>, <see cref="string"/>, or an array of strings, floats or ints.</param>
    /// <param name="tensors">The tensors in the order in which their data follows.</param>
    public static void WriteHeader(Stream stream, IReadOnlyList<KeyValuePair<string, object>> metadata, IReadOnlyList<TensorEntry> tensors)
    {
        using BinaryWriter writer = new(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(Magic);
        writer.Write(Version);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)metadata.Count);
        foreach ((string key, object value) in metadata)
        {
            WriteText(writer, key);
            WriteValue(writer, value);
        }

        long offset = 0;
        foreach (TensorEntry tensor in tensors)
        {
            WriteText(writer, GgufNames.FromHuggingFace(tensor.Name));
            writer.Write((uint)tensor.Shape.Count);
            // Row length first.
            foreach (long dimension in tensor.Shape.Reverse()) writer.Write((ulong)dimension);
            writer.Write(GgufTensorType.NumberOf(tensor.Type));
            writer.Write((ulong)offset);
            offset += tensor.Length + Padding(tensor.Length);
        }
        writer.Write(new byte[Padding(stream.Position)]);
    }

    /// <summary>Bytes from a position to the next multiple of <see cref="Alignment"/>.</summary>
    public static int Padding(long position) => (int)(-position & (Alignment - 1));

    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case uint number: WriteType(writer, GgufValueType.UInt32); writer.Write(number); break;
            case float number: WriteType(writer, GgufValueType.Float32); writer.Write(number); break;
            case bool flag: WriteType(writer, GgufValueType.Bool); writer.Write(flag); break;
            case string text: WriteType(writer, GgufValueType.String); WriteText(writer, text); break;
            case string[] texts: WriteArray(writer, GgufValueType.String, texts, text => WriteText(writer, text)); break;
            case float[] numbers: WriteArray(writer, GgufValueType.Float32, numbers, writer.Write); break;
            case int[] numbers: WriteArray(writer, GgufValueType.Int32, numbers, writer.Write); break;
            default: throw new ArgumentOutOfRangeException(nameof(value), value, "a metadata value of this type is not written");
        }
    }

    private static void WriteArray<T>(BinaryWriter writer, GgufValueType type, T[] values, Action<T> write)
    {
        WriteType(writer, GgufValueType.Array);
        WriteType(writer, type);
        writer.Write((ulong)values.Length);
        foreach (T value in values) write(value);
    }

    private static void WriteType(BinaryWriter writer, GgufValueType type) => writer.Write((uint)type);

    private static void WriteText(BinaryWriter writer, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)utf8.Length);
        writer.Write(utf8);
    }
}
