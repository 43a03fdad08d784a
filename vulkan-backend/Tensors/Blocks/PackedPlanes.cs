using System.Runtime.Intrinsics;

namespace Gemma2.Backend.Tensors.Blocks;

/// <summary>Memory that takes packed rows: the planes of a matrix in device order, from some tile on.</summary>
internal unsafe struct PackedPlanes(byte* quants, byte* high, byte* scales, byte* blocks, int tileRows)
{
    public byte* Quants = quants;
    public byte* High = high;
    public byte* Scales = scales;
    public byte* Blocks = blocks;

    /// <summary>Units from a row's chunk to its next one.</summary>
    public readonly int Step = tileRows;

    /// <summary>Stores a chunk's 32 bytes.</summary>
    public readonly void StoreQuants(Vector256<uint> words)
    {
        StoreWords(Quants, 0, words.GetLower());
        StoreWords(Quants, 4, words.GetUpper());
    }

    /// <summary>Stores a chunk's 16 bytes.</summary>
    public readonly void StoreQuants(Vector128<uint> words) => StoreWords(Quants, 0, words);

    /// <summary>Stores a chunk's 8 bytes.</summary>
    public readonly void StoreQuants(ulong words) => StoreWords(Quants, words);

    /// <summary>Stores the upper bits of a chunk, 8 bytes.</summary>
    public readonly void StoreHigh(ulong words) => StoreWords(High, words);

    private readonly void StoreWords(byte* at, int first, Vector128<uint> words)
    {
        uint* to = (uint*)at + (first * Step);
        if (Step == 1) words.Store(to);
        else for (int i = 0; i < 4; i++) to[i * Step] = words[i];
    }

    private readonly void StoreWords(byte* at, ulong words)
    {
        ((uint*)at)[0] = (uint)words;
        ((uint*)at)[Step] = (uint)(words >> 32);
    }
}
