using System.Runtime.InteropServices;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Tests.Weights.Quantization;

public sealed class QuantizingSinkTests
{
    [Theory]
    [InlineData(TensorType.F32, TensorType.Q4_K)]
    [InlineData(TensorType.BF16, TensorType.Q8_0)]
    [InlineData(TensorType.F16, TensorType.F32)]
    [InlineData(TensorType.Q6_K, TensorType.F16)]
    [InlineData(TensorType.Q5_0, TensorType.Q5_0)]
    public void Write_PiecesOfRowsInAnyOrder_GivesWhatTheCodecMakesOfTheWhole(TensorType from, TensorType to)
    {
        const int Rows = 300, Columns = 512;
        TensorEntry tensor = Entry(from, Rows, Columns);
        float[] values = [.. Enumerable.Range(0, Rows * Columns).Select(i => (float)Math.Sin(i * 0.7) * (1 + (i % 13)))];
        byte[] source = new byte[tensor.Length], expected = new byte[Rows * to.RowBytes(Columns)];
        BlockCodec.Quantize(from, values, source);
        BlockCodec.Dequantize(from, source, values);
        if (from == to) source.CopyTo(expected, 0);
        else BlockCodec.Quantize(to, values, expected);

        RecordingSink recorded = new();
        QuantizingSink sink = new(recorded, _ => to);
        sink.Begin([tensor]);
        int rowBytes = (int)from.RowBytes(Columns);
        foreach ((int first, int count) in (ReadOnlySpan<(int, int)>)[(224, 76), (0, 16), (16, 208)])
            sink.Write(tensor, (long)first * rowBytes, source.AsSpan(first * rowBytes, count * rowBytes));

        Assert.Equal(to, recorded.Announced.Single().Type);
        Assert.Equal(expected, recorded.Bytes(tensor.Name));
    }

    [Fact]
    public void Begin_QuantizedTensorThatIsToHaveAnotherType_SaysSo()
    {
        QuantizingSink sink = new(new RecordingSink(), _ => TensorType.Q8_0);
        Assert.Equal(
            "file: tensor is Q4_0 already and does not become Q8_0: only F32, F16 and BF16 are quantized, as twice loses more. `gemma2 quantize --allow-requantize` does it all the same.",
            Assert.Throws<ModelException>(() => sink.Begin([Entry(TensorType.Q4_0, 2, 64)])).Message);
    }

    [Fact]
    public void Write_NumberThatIsNotFinite_NamesTheTensor()
    {
        TensorEntry tensor = Entry(TensorType.F32, 4, 32);
        QuantizingSink sink = new(new RecordingSink(), _ => TensorType.Q8_0);
        sink.Begin([tensor]);
        float[] values = new float[4 * 32];
        values[99] = float.NaN;
        Assert.Equal(
            "file: tensor holds a number that is not finite.",
            Assert.Throws<ModelException>(() => sink.Write(tensor, 0, MemoryMarshal.AsBytes(values.AsSpan()))).Message);
    }

    private static TensorEntry Entry(TensorType type, long rows, long columns) => new("tensor", type, [rows, columns], "file", 0, rows * type.RowBytes(columns));
}
