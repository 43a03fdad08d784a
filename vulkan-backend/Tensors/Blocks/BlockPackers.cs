using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Takes one block of a weight file apart into planes. What the bytes of a block are is told at its <see cref="IBlockFormat"/>.</summary>
internal unsafe interface IBlockPacker
{
    /// <param name="block">The block, as in a weight file.</param>
    /// <param name="to">The block's place in each plane. Its chunks lie <see cref="PackedPlanes.Step"/> units apart.</param>
    static abstract void Pack(byte* block, PackedPlanes to);
}

/// <summary>Pieces of blocks as quads: eight words of four neighbouring columns, a byte each.</summary>
internal static unsafe class Quads
{
    /// <summary>The lower nibbles of 16 bytes, then the upper ones.</summary>
    public static Vector256<uint> OfNibbles(byte* bytes)
    {
        Vector128<uint> pairs = Vector128.Load(bytes).AsUInt32();
        return Vector256.Create(pairs, pairs >>> 4) & Vector256.Create(0x0f0f0f0fu);
    }

    /// <summary>Some bits of each of 32 bytes.</summary>
    public static Vector256<uint> Of(byte* bytes, int shift, uint mask) => Vector256.Load(bytes).AsUInt32() >>> shift & Vector256.Create(mask * 0x01010101u);
}

/// <summary>32 bytes, one scale.</summary>
internal readonly unsafe struct BytesPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Scales = *(ushort*)block;
        to.StoreQuants(Vector256.Load(block + 2).AsUInt32());
    }
}

/// <summary>32 nibbles, one scale: Q4_0, IQ4_NL.</summary>
internal readonly unsafe struct NibblesPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Scales = *(ushort*)block;
        to.StoreQuants(BitPlanes.Nibbles(Quads.OfNibbles(block + 2)));
    }
}

/// <summary>32 nibbles, scale and minimum.</summary>
internal readonly unsafe struct Q4_1Packer : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(uint*)to.Scales = *(uint*)block;
        to.StoreQuants(BitPlanes.Nibbles(Quads.OfNibbles(block + 4)));
    }
}

/// <summary>32 numbers of 5 bits, one scale.</summary>
internal readonly unsafe struct Q5_0Packer : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Scales = *(ushort*)block;
        *(uint*)to.High = BitPlanes.Bits(*(uint*)(block + 2));
        to.StoreQuants(BitPlanes.Nibbles(Quads.OfNibbles(block + 6)));
    }
}

/// <summary>32 numbers of 5 bits, scale and minimum.</summary>
internal readonly unsafe struct Q5_1Packer : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(uint*)to.Scales = *(uint*)block;
        *(uint*)to.High = BitPlanes.Bits(*(uint*)(block + 4));
        to.StoreQuants(BitPlanes.Nibbles(Quads.OfNibbles(block + 8)));
    }
}

/// <summary>256 numbers of 2 bits.</summary>
internal readonly unsafe struct Q2_KPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(uint*)to.Blocks = *(uint*)(block + 80);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            *(ushort*)to.Scales = *(ushort*)(block + (2 * chunk));
            to.StoreQuants(BitPlanes.Crumbs(Quads.Of(block + 16 + (chunk / 4 * 32), chunk % 4 * 2, 3)));
            to.Scales += 2 * to.Step;
            to.Quants += 8 * to.Step;
        }
    }
}

/// <summary>256 numbers of 3 bits.</summary>
internal readonly unsafe struct Q3_KPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Blocks = *(ushort*)(block + 108);
        byte* scales = stackalloc byte[16];
        UnpackScales(block + 96, scales);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            *(ushort*)to.Scales = *(ushort*)(scales + (2 * chunk));
            to.StoreQuants(BitPlanes.Crumbs(Quads.Of(block + 32 + (chunk / 4 * 32), chunk % 4 * 2, 3)));
            *(uint*)to.High = BitPlanes.Bits(Quads.Of(block, chunk, 1));
            to.Scales += 2 * to.Step;
            to.Quants += 8 * to.Step;
            to.High += 4 * to.Step;
        }
    }

    /// <summary>16 numbers of 6 bits, less 32: their lower four bits are the nibbles of 8 bytes, the upper two lie in the last 4 bytes.</summary>
    private static void UnpackScales(byte* packed, byte* scales)
    {
        ulong low = *(ulong*)packed;
        uint high = *(uint*)(packed + 8);
        *(ulong*)scales = Signed((low & 0x0f0f0f0f0f0f0f0f) | Upper(high));
        *(ulong*)(scales + 8) = Signed((low >> 4 & 0x0f0f0f0f0f0f0f0f) | Upper(high >> 4));
    }

    private static ulong Upper(uint pairs) => (pairs & 0x03030303ul) << 4 | (pairs >> 2 & 0x03030303ul) << 36;

    /// <summary>Subtracts 32 from each byte.</summary>
    private static ulong Signed(ulong bytes) => (bytes + 0x6060606060606060) ^ 0x8080808080808080;
}

/// <summary>256 numbers of 4 bits.</summary>
internal readonly unsafe struct Q4_KPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(uint*)to.Blocks = *(uint*)block;
        PackScales(block + 4, to.Scales, to.Step);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            to.StoreQuants(BitPlanes.Nibbles(Quads.Of(block + 16 + (chunk / 2 * 32), chunk % 2 * 4, 15)));
            to.Quants += 16 * to.Step;
        }
    }

    /// <summary>Scale and minimum of each chunk, a byte each.</summary>
    internal static void PackScales(byte* packed, byte* to, int step)
    {
        ReadOnlySpan<byte> scales = new(packed, 12);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            (int scale, int minimum) = SixBitScales.Unpack(scales, chunk);
            *(ushort*)(to + (2 * chunk * step)) = (ushort)(scale | minimum << 8);
        }
    }
}

/// <summary>256 numbers of 5 bits.</summary>
internal readonly unsafe struct Q5_KPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(uint*)to.Blocks = *(uint*)block;
        Q4_KPacker.PackScales(block + 4, to.Scales, to.Step);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            *(uint*)to.High = BitPlanes.Bits(Quads.Of(block + 16, chunk, 1));
            to.StoreQuants(BitPlanes.Nibbles(Quads.Of(block + 48 + (chunk / 2 * 32), chunk % 2 * 4, 15)));
            to.Quants += 16 * to.Step;
            to.High += 4 * to.Step;
        }
    }
}

/// <summary>256 numbers of 6 bits.</summary>
internal readonly unsafe struct Q6_KPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Blocks = *(ushort*)(block + 208);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            (int half, int quarter) = Math.DivRem(chunk, 4);
            *(ushort*)to.Scales = *(ushort*)(block + 192 + (2 * chunk));
            to.StoreHigh(BitPlanes.Crumbs(Quads.Of(block + 128 + (32 * half), 2 * quarter, 3)));
            to.StoreQuants(BitPlanes.Nibbles(Quads.Of(block + (64 * half) + (quarter % 2 * 32), quarter / 2 * 4, 15)));
            to.Scales += 2 * to.Step;
            to.High += 8 * to.Step;
            to.Quants += 16 * to.Step;
        }
    }
}

/// <summary>256 nibbles that stand for values of a table.</summary>
internal readonly unsafe struct IQ4_XSPacker : IBlockPacker
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(byte* block, PackedPlanes to)
    {
        *(ushort*)to.Blocks = *(ushort*)block;
        int upper = *(ushort*)(block + 2);
        for (int chunk = 0; chunk < PlaneUnits.BlockChunks; chunk++)
        {
            int scale = (block[4 + (chunk / 2)] >> (chunk % 2 * 4) & 15) | (upper >> (2 * chunk) & 3) << 4;
            *to.Scales = (byte)(scale - 32);
            to.StoreQuants(BitPlanes.Nibbles(Quads.OfNibbles(block + 8 + (16 * chunk))));
            to.Scales += to.Step;
            to.Quants += 16 * to.Step;
        }
    }
}
