using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>One tensor as a GGUF file lists it.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Its dimensions, outermost first; the file has them the other way round.</param>
/// <param name="Offset">Where it begins in the data.</param>
/// <param name="Length">Its length in bytes.</param>
internal readonly record struct GgufTensor(string Name, TensorType Type, long[] Shape, ulong Offset, long Length);

/// <summary>Reads the list of tensors of a GGUF file.</summary>
internal sealed class GgufTensorReader(GgufReader reader)
{
    /// <summary>A name's length, dimensions (none), type and offset.</summary>
    public const int LeastBytes = 24;

    /// <summary>Most tensors that are read: the largest Gemma 2 has 508.</summary>
    public const int MostTensors = 1 << 16;

    private const int MostDimensions = 4;
    private const string A = "the list of tensors";

    /// <summary>Reads a number of tensors.</summary>
    /// <exception cref="ModelException">A name is there twice, a type is not supported, or a shape is not possible.</exception>
    public async Task<GgufTensor[]> ReadAsync(int count)
    {
        GgufTensor[] tensors = new GgufTensor[count];
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            tensors[i] = await ReadTensorAsync();
            if (!names.Add(tensors[i].Name)) throw reader.Error($"has two tensors named {ModelJson.Show(tensors[i].Name)}.");
        }

        return tensors;
    }

    private async ValueTask<GgufTensor> ReadTensorAsync()
    {
        string name = await reader.ReadTextAsync("a tensor's name"), shown = ModelJson.Show(name);
        uint dimensions = await reader.ReadUInt32Async(A);
        if (dimensions is 0 or > MostDimensions) throw reader.Error($"{shown} has {dimensions} dimensions; allowed are 1 to {MostDimensions}.");
        long[] shape = new long[dimensions];
        for (int i = shape.Length - 1; i >= 0; i--) shape[i] = await ReadDimensionAsync(shown);
        TensorType type = await ReadTypeAsync(shown);
        if (shape[^1] % type.BlockElements() != 0)
            throw reader.Error($"{shown} is {type} with rows of {shape[^1]}; allowed are multiples of {type.BlockElements()}.");
        ulong offset = await reader.ReadUInt64Async(A);
        return new GgufTensor(name, type, shape, offset, ByteLength(shape, type) ?? throw reader.Error($"{shown} is [{string.Join(", ", shape)}], which no file holds."));
    }

    private async ValueTask<long> ReadDimensionAsync(string shown)
    {
        ulong dimension = await reader.ReadUInt64Async(A);
        return dimension is > 0 and <= long.MaxValue ? (long)dimension : throw reader.Error($"{shown} has a dimension of {dimension}.");
    }

    private async ValueTask<TensorType> ReadTypeAsync(string shown)
    {
        uint number = await reader.ReadUInt32Async(A);
        return GgufTensorType.Of(number)
            ?? throw reader.Error($"{shown} has the type {GgufTensorType.Show(number)}; supported are {string.Join(", ", Enum.GetNames<TensorType>())}: take another file of the model, such as Q4_K_M, IQ4_XS or Q8_0.");
    }

    /// <returns>Bytes of a tensor; null when they do not fit 63 bits.</returns>
    private static long? ByteLength(long[] shape, TensorType type)
    {
        Int128 elements = 1;
        foreach (long dimension in shape)
        {
            elements *= dimension;
            if (elements > long.MaxValue) return null;
        }

        Int128 bytes = elements / type.BlockElements() * type.BlockBytes();
        return bytes <= long.MaxValue ? (long)bytes : null;
    }
}
