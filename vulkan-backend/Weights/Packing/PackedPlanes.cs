namespace Gemma2.Backend.Weights.Packing;

/// <summary>Memory that takes packed rows: the planes of a <see cref="WeightLayout"/> from some tile on.</summary>
internal unsafe struct PackedPlanes(byte* quants, byte* high, byte* scales, byte* blocks, int tileRows)
{
    public byte* Quants = quants;
    public byte* High = high;
    public byte* Scales = scales;
    public byte* Blocks = blocks;

    /// <summary>Units from a row's chunk to its next one.</summary>
    public readonly int Step = tileRows;

    /// <summary>Planes that begin at offsets from an address.</summary>
    public PackedPlanes(byte* address, in PlaneOffsets offsets, int tileRows)
        : this(address + offsets.Quants, address + offsets.High, address + offsets.Scales, address + offsets.Blocks, tileRows)
    {
    }
}
