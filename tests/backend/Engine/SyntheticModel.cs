using System.Runtime.InteropServices;
using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Random weights in a shape, in memory.</summary>
internal static class SyntheticModel
{
    /// <summary>Two layers as wide as the 2B model's, and a small vocabulary.</summary>
    public static Gemma2Config TwoWideLayers { get; } = new()
    {
        VocabularySize = 3000,
        HiddenSize = 2304,
        IntermediateSize = 9216,
        Layers = LayerConfig.Alternating(2, window: 4096),
        HeadCount = 8,
        KeyValueHeadCount = 4,
        HeadDimension = 256,
        QueryPreAttentionScalar = 256,
        MaxPositions = 8192,
        AttentionSoftcap = 50,
        FinalSoftcap = 30,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
    };

    /// <summary>Weights of float16 whose size is between 1/128 and 1/8.</summary>
    public static MemoryModelSource Create(Gemma2Config config)
    {
        byte[] file = SafetensorsWriter.Write(SafetensorsWriter.Tensors(config).Select(tensor => (tensor.Name, TensorType.F16, tensor.Shape)));
        int header = 8 + (int)BitConverter.ToInt64(file);
        ulong state = 1;
        foreach (ref ulong four in MemoryMarshal.Cast<byte, ulong>(file.AsSpan(header, (file.Length - header) / 8 * 8)))
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Sign, mantissa and the low two bits of the exponent by chance.
            four = (state & 0x8fff8fff8fff8fff) | 0x2000200020002000;
        }
        return new MemoryModelSource(("config.json", SafetensorsWriter.ConfigJson(config)), ("model.safetensors", file));
    }
}
