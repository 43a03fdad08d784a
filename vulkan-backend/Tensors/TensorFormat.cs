using Gemma2.Backend.Tensors.Blocks;

namespace Gemma2.Backend.Tensors;

/// <summary>
/// All that is to be known of a <see cref="TensorType"/>. A new type is an entry here, of the block format and the packer that it has in Blocks/; shaders know it by
/// its place in the enumeration (weights.glsl).
/// </summary>
/// <param name="Type">The type.</param>
/// <param name="GgufNumber">Its number in a GGUF file. Source: https://github.com/ggml-org/ggml, include/ggml.h, enum ggml_type.</param>
/// <param name="BlockElements">Numbers that are stored together: rows are whole blocks. 1 for types that are not quantized.</param>
/// <param name="BlockBytes">Bytes of a block in a weight file.</param>
/// <param name="Planes">What a chunk of a row takes in device order.</param>
/// <param name="Largest">The largest number. Scales are binary16, so that quantized types end where it ends, or not far above.</param>
/// <param name="Codec">Reads and writes numbers.</param>
/// <param name="Packer">Brings rows into device order.</param>
internal sealed record TensorFormat(
    TensorType Type, uint GgufNumber, int BlockElements, int BlockBytes, PlaneUnits Planes, float Largest, ICodec Codec, IRowPacker Packer)
{
    /// <summary>Every type, in the order of the enumeration.</summary>
    public static IReadOnlyList<TensorFormat> All { get; } =
    [
        Floats<F32Codec>(TensorType.F32, ggufNumber: 0, bytes: 4, float.MaxValue),
        Floats<F16Codec>(TensorType.F16, ggufNumber: 1, bytes: 2, (float)Half.MaxValue),
        Floats<BF16Codec>(TensorType.BF16, ggufNumber: 30, bytes: 2, BF16Codec.Largest),
        Blocks<Q8_0, BytesPacker>(TensorType.Q8_0, ggufNumber: 8, elements: 32, bytes: 34, new PlaneUnits(32, 0, 2, 0)),
        Blocks<Q4_0, NibblesPacker>(TensorType.Q4_0, ggufNumber: 2, elements: 32, bytes: 18, new PlaneUnits(16, 0, 2, 0)),
        Blocks<Q4_1, Q4_1Packer>(TensorType.Q4_1, ggufNumber: 3, elements: 32, bytes: 20, new PlaneUnits(16, 0, 4, 0)),
        Blocks<Q5_0, Q5_0Packer>(TensorType.Q5_0, ggufNumber: 6, elements: 32, bytes: 22, new PlaneUnits(16, 4, 2, 0)),
        Blocks<Q5_1, Q5_1Packer>(TensorType.Q5_1, ggufNumber: 7, elements: 32, bytes: 24, new PlaneUnits(16, 4, 4, 0)),
        Blocks<Q2_K, Q2_KPacker>(TensorType.Q2_K, ggufNumber: 10, elements: 256, bytes: 84, new PlaneUnits(8, 0, 2, 4)),
        Blocks<Q3_K, Q3_KPacker>(TensorType.Q3_K, ggufNumber: 11, elements: 256, bytes: 110, new PlaneUnits(8, 4, 2, 2)),
        Blocks<Q4_K, Q4_KPacker>(TensorType.Q4_K, ggufNumber: 12, elements: 256, bytes: 144, new PlaneUnits(16, 0, 2, 4)),
        Blocks<Q5_K, Q5_KPacker>(TensorType.Q5_K, ggufNumber: 13, elements: 256, bytes: 176, new PlaneUnits(16, 4, 2, 4)),
        Blocks<Q6_K, Q6_KPacker>(TensorType.Q6_K, ggufNumber: 14, elements: 256, bytes: 210, new PlaneUnits(16, 8, 2, 2)),
        Blocks<IQ4_NL, NibblesPacker>(TensorType.IQ4_NL, ggufNumber: 20, elements: 32, bytes: 18, new PlaneUnits(16, 0, 2, 0)),
        Blocks<IQ4_XS, IQ4_XSPacker>(TensorType.IQ4_XS, ggufNumber: 23, elements: 256, bytes: 136, new PlaneUnits(16, 0, 1, 2)),
    ];

    /// <summary>What is to be known of a type.</summary>
    public static TensorFormat Of(TensorType type) => All[(int)type];

    private static TensorFormat Floats<TCodec>(TensorType type, uint ggufNumber, int bytes, float largest)
        where TCodec : ICodec, new() =>
        new(type, ggufNumber, 1, bytes, new PlaneUnits(PlaneUnits.ChunkColumns * bytes, 0, 0, 0), largest, new TCodec(), new FloatPacker(bytes));

    private static TensorFormat Blocks<TFormat, TPacker>(TensorType type, uint ggufNumber, int elements, int bytes, PlaneUnits planes)
        where TFormat : IBlockFormat
        where TPacker : IBlockPacker =>
        new(type, ggufNumber, elements, bytes, planes, (float)Half.MaxValue, new FormatCodec<TFormat>(elements, bytes), new BlockRowPacker<TPacker>(elements, bytes, planes));
}
