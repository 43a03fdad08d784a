using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>
/// The header of a safetensors file: 8 bytes with the length of a JSON object, the object (which names every tensor), then the data without gap or overlap.
/// Source: https://github.com/huggingface/safetensors#format.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>Bytes before the JSON object: its length as an unsigned 64-bit number.</summary>
    public const int PrefixLength = 8;

    /// <summary>Longest header that is read. The largest Gemma 2 has one of 60 KB; the format's own limit of 100 MB would let a hostile file take seconds.</summary>
    public const int LongestHeader = 4 << 20;

    private const string Metadata = "__metadata__";
    private const int DeepestNesting = 3;
    private const int MostDimensions = 8;

    /// <summary>Checks the length in a file's first 8 bytes against the file.</summary>
    /// <returns>The length of the JSON object.</returns>
    /// <exception cref="ModelException">The header would be longer than the file, or longer than any model needs.</exception>
    public static int CheckLength(ulong headerLength, long fileLength, string model, string file)
    {
        ulong room = (ulong)Math.Min(fileLength - PrefixLength, LongestHeader);
        return headerLength <= room
            ? (int)headerLength
            : throw new ModelException($"{model}/{file}: says that its header is {headerLength} bytes long; in this file of {fileLength} bytes at most {room} are allowed.");
    }

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The JSON object.</param>
    /// <param name="fileLength">Length of the whole file in bytes.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="leftAside">Takes the names of known leftovers, whatever their type; null: they are tensors as others are.</param>
    /// <returns>The file's tensors in the order of their data, which fills the file to its last byte.</returns>
    /// <exception cref="ModelException">The header breaks a rule of the format, or a tensor has a type that is not supported.</exception>
    public static IReadOnlyList<TensorEntry> Parse(ReadOnlyMemory<byte> json, long fileLength, string model, string file, ICollection<string>? leftAside = null)
    {
        string label = $"{model}/{file}";
        if (json.IsEmpty || json.Span[0] != '{') throw new ModelException($"{label}: its header does not begin with '{{': this is not a safetensors file.");
        long dataOffset = PrefixLength + json.Length;
        return ModelJson.Read(json, label, DeepestNesting, header => ReadTensors(header, dataOffset, fileLength, label, file, leftAside));
    }

    private static List<TensorEntry> ReadTensors(JsonElement header, long dataOffset, long fileLength, string label, string file, ICollection<string>? leftAside)
    {
        List<TensorEntry> tensors = [];
        List<DataRange> ranges = [];
        foreach (JsonProperty entry in header.EnumerateObject())
        {
            if (entry.Name == Metadata) CheckMetadata(entry.Value, label);
            else ranges.Add(ReadTensor(entry, dataOffset, label, file, leftAside, tensors));
        }

        ranges.Sort((a, b) => (a.Offset, a.Length).CompareTo((b.Offset, b.Length)));
        CheckLayout(ranges, dataOffset, fileLength, label);
        tensors.Sort((a, b) => (a.Offset, a.Length).CompareTo((b.Offset, b.Length)));
        return tensors;
    }

    private static void CheckMetadata(JsonElement metadata, string label)
    {
        if (metadata.ValueKind != JsonValueKind.Object || metadata.EnumerateObject().Any(entry => entry.Value.ValueKind != JsonValueKind.String))
            throw new ModelException($"{label}: {Metadata} must be an object whose values are strings.");
    }

    private static DataRange ReadTensor(JsonProperty entry, long dataOffset, string label, string file, ICollection<string>? leftAside, List<TensorEntry> tensors)
    {
        string where = $"{label}: {ModelJson.Show(entry.Name)}";
        JsonElement tensor = entry.Value;
        if (tensor.ValueKind != JsonValueKind.Object || tensor.GetPropertyCount() != 3
            || !tensor.TryGetProperty("dtype", out JsonElement dtype)
            || !tensor.TryGetProperty("shape", out JsonElement shape)
            || !tensor.TryGetProperty("data_offsets", out JsonElement offsets))
            throw new ModelException($"{where}: must be an object of dtype, shape and data_offsets.");

        bool isLeftover = leftAside is not null && Leftovers.KindOf(entry.Name) is not null;
        TensorType? type = isLeftover ? null : ReadType(dtype, where);
        long[] dimensions = ReadNumbers(shape, where, "shape", MostDimensions);
        long[] range = ReadNumbers(offsets, where, "data_offsets", 2);
        if (range.Length != 2 || range[0] > range[1])
            throw new ModelException($"{where}: data_offsets must be two numbers, the first not above the second.");
        long length = range[1] - range[0];
        if (type is not null && ByteLength(dimensions, type.Value) != length)
            throw new ModelException($"{where}: data_offsets span {length} bytes, but {type} [{string.Join(", ", dimensions)}] does not take as many.");
        if (range[0] > long.MaxValue - dataOffset - length)
            throw new ModelException($"{where}: data_offsets lie beyond any file.");
        if (type is not null) tensors.Add(new TensorEntry(entry.Name, type.Value, dimensions, file, dataOffset + range[0], length));
        else leftAside!.Add(entry.Name);
        return new DataRange(entry.Name, dataOffset + range[0], length);
    }

    /// <summary>The format has the same names for the types that are not quantized, and no others that are supported.</summary>
    private static TensorType ReadType(JsonElement dtype, string where)
    {
        string? name = dtype.ValueKind == JsonValueKind.String ? dtype.GetString() : null;
        return TensorFormat.All.FirstOrDefault(format => format.BlockElements == 1 && format.Type.ToString() == name)?.Type
            ?? throw new ModelException($"{where}: dtype is {ModelJson.Show(dtype)}; supported are F32, F16 and BF16{Advice(name)}");
    }

    private static string Advice(string? dtype) => dtype switch
    {
        "F64" => ": save it in one of them, as by transformers' model.to(torch.bfloat16).save_pretrained(DIR).",
        { } other when other.StartsWith("F8_", StringComparison.Ordinal) || other.StartsWith("F4", StringComparison.Ordinal) || other.StartsWith("F6", StringComparison.Ordinal) =>
            $": the model {ForeignTensors.Quantized("small floats")}",
        "I8" or "U8" or "I16" or "U16" or "I32" or "U32" or "I64" or "U64" => $": the model {ForeignTensors.Quantized("whole numbers (GPTQ, AWQ, bitsandbytes and others)")}",
        _ => ".",
    };

    private static long[] ReadNumbers(JsonElement array, string where, string key, int most)
    {
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() > most)
            throw new ModelException($"{where}: {key} must be an array of at most {most} whole numbers.");
        long[] numbers = new long[array.GetArrayLength()];
        int count = 0;
        foreach (JsonElement element in array.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out numbers[count]) || numbers[count] < 0)
                throw new ModelException($"{where}: {key} holds {ModelJson.Show(element)}; allowed are whole numbers from 0 to 2^63 - 1.");
            count++;
        }

        return numbers;
    }

    /// <returns>Bytes of a tensor; null when they do not fit 63 bits.</returns>
    private static long? ByteLength(long[] shape, TensorType type)
    {
        Int128 bytes = type.Size();
        foreach (long dimension in shape)
        {
            bytes *= dimension;
            if (bytes > long.MaxValue) return null;
        }

        return (long)bytes;
    }

    private static void CheckLayout(List<DataRange> ranges, long dataOffset, long fileLength, string label)
    {
        long end = dataOffset;
        foreach (DataRange tensor in ranges)
        {
            string name = ModelJson.Show(tensor.Name);
            if (tensor.Offset + tensor.Length > fileLength)
                throw new ModelException($"{label}: {name} ends at byte {tensor.Offset + tensor.Length}, but the file is {fileLength} bytes long.");
            if (tensor.Offset < end) throw new ModelException($"{label}: {name} overlaps the tensor before it.");
            if (tensor.Offset > end) throw new ModelException($"{label}: {tensor.Offset - end} bytes before {name} belong to no tensor.");
            end += tensor.Length;
        }

        if (end != fileLength) throw new ModelException($"{label}: the last {fileLength - end} bytes belong to no tensor.");
    }
    /// <summary>Where a tensor's data lies in the file.</summary>
    private readonly record struct DataRange(string Name, long Offset, long Length);
}
