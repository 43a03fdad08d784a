using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Gemma2.Backend.Tensors.Codecs;

/// <summary>The two types of 16-bit floating point. Narrowing rounds to the nearest, of two equally near to the even one.</summary>
internal static class HalfFloats
{
    /// <summary>Widens IEEE 754 binary16.</summary>
    public static void ReadF16(ReadOnlySpan<byte> bytes, Span<float> values) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values);

    /// <summary>Narrows to IEEE 754 binary16.</summary>
    public static void WriteF16(ReadOnlySpan<float> values, Span<byte> bytes) =>
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(bytes));

    /// <summary>Widens bfloat16, the upper half of a binary32.</summary>
    public static void ReadBF16(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }

    /// <summary>Narrows to bfloat16.</summary>
    public static void WriteBF16(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        Span<ushort> halves = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            halves[i] = (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }
}
