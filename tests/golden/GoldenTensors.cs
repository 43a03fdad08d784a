using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Gemma2.Golden;

/// <summary>Expected values: a safetensors file of float32 tensors.</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _data;
    private readonly Dictionary<string, (int[] Shape, int Begin, int End)> _tensors = [];

    /// <summary>Reads a file.</summary>
    public GoldenTensors(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        _data = file[(8 + headerLength)..];
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__"))
        {
            int[] offsets = tensor.Value.Ids("data_offsets");
            _tensors.Add(tensor.Name, (tensor.Value.Ids("shape"), offsets[0], offsets[1]));
        }
    }

    /// <summary>Names of all tensors.</summary>
    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>Shape of a tensor, outermost dimension first.</summary>
    public IReadOnlyList<int> Shape(string tensor) => _tensors[tensor].Shape;

    /// <summary>Values of a tensor, row by row.</summary>
    public float[] Values(string tensor)
    {
        (_, int begin, int end) = _tensors[tensor];
        return MemoryMarshal.Cast<byte, float>(_data.AsSpan(begin, end - begin)).ToArray();
    }
}
