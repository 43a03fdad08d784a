using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Gemma2.Backend.Tensors;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Quantization;

/// <summary>Blocks that llama.cpp wrote, with the values that it reads from them. See tests/golden/README.md.</summary>
internal static class GoldenBlocks
{
    private static readonly byte[] File = System.IO.File.ReadAllBytes(Path.Combine(GoldenModels.Root, "blocks.safetensors"));
    private static readonly int HeaderLength = (int)BinaryPrimitives.ReadInt64LittleEndian(File);

    /// <summary>Types of which there are blocks: all but F32.</summary>
    public static TheoryData<TensorType> Types => [.. Enum.GetValues<TensorType>().Except([TensorType.F32])];

    public static byte[] Blocks(TensorType type) => Bytes($"{type}.blocks");

    public static float[] Values(TensorType type) => MemoryMarshal.Cast<byte, float>(Bytes($"{type}.values")).ToArray();

    private static byte[] Bytes(string tensor)
    {
        using JsonDocument header = JsonDocument.Parse(File.AsMemory(8, HeaderLength));
        int[] offsets = [.. header.RootElement.GetProperty(tensor).GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
        return File[(8 + HeaderLength + offsets[0])..(8 + HeaderLength + offsets[1])];
    }
}
