using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

public sealed class HashingSinkTests
{
    private static readonly TensorEntry Norm = new("norm", TensorType.F32, [4], "a", 0, 16) { HoldsFactor = true };
    private static readonly TensorEntry Matrix = new("matrix", TensorType.F16, [3, 2], "a", 16, 12);

    private static readonly string Expected = Hash((Norm, Bytes(16)), (Matrix, Bytes(12)));

    [Fact]
    public void Hash_TensorsInAnotherOrderFromOtherPlaces_IsTheSame() =>
        Assert.Equal(Expected, Hash((Matrix with { File = "b", Offset = 7 }, Bytes(12)), (Norm with { File = "c" }, Bytes(16))));

    [Fact]
    public void Hash_PiecesOfAnySize_IsTheSame() => Assert.Equal(Expected, Hash(pieces: 4, (Norm, Bytes(16)), (Matrix, Bytes(12))));

    [Theory, InlineData(0), InlineData(7), InlineData(15)]
    public void Hash_OneBitThatDiffers_Differs(int at)
    {
        byte[] bytes = Bytes(16);
        bytes[at] ^= 1;
        Assert.NotEqual(Expected, Hash((Norm, bytes), (Matrix, Bytes(12))));
    }

    [Fact]
    public void Hash_TheSameBytesOfOtherTensors_Differs() => Assert.Distinct(
    [
        Expected,
        Hash((Norm, Bytes(16))),
        Hash((Norm with { HoldsFactor = false }, Bytes(16)), (Matrix, Bytes(12))),
        Hash((Norm with { Name = "norms" }, Bytes(16)), (Matrix, Bytes(12))),
        Hash((Norm, Bytes(16)), (Matrix with { Type = TensorType.BF16 }, Bytes(12))),
        Hash((Norm, Bytes(16)), (Matrix with { Shape = [2, 3] }, Bytes(12))),
    ]);

    [Fact]
    public void Write_EveryPiece_IsPassedOn()
    {
        var next = new RecordingSink();
        Write(new HashingSink(next), pieces: 2, (Norm, Bytes(16)), (Matrix, Bytes(12)));
        Assert.Equal([Norm, Matrix], next.Announced);
        Assert.Equal(Bytes(16), next.Bytes("norm"));
        Assert.Equal(Bytes(12), next.Bytes("matrix"));
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(1, count).Select(i => (byte)(i * 37))];

    private static string Hash(params (TensorEntry, byte[])[] tensors) => Hash(pieces: 1, tensors);

    private static string Hash(int pieces, params (TensorEntry, byte[])[] tensors)
    {
        var sink = new HashingSink(new RecordingSink());
        Write(sink, pieces, tensors);
        return sink.Hash();
    }

    private static void Write(HashingSink sink, int pieces, params (TensorEntry, byte[])[] tensors)
    {
        sink.Begin([.. tensors.Select(tensor => tensor.Item1)]);
        foreach ((TensorEntry tensor, byte[] bytes) in tensors)
        {
            int row = (int)tensor.Type.RowBytes(tensor.Shape[^1]), rows = bytes.Length / row, first = 0;
            foreach (int[] part in Enumerable.Range(0, rows).Chunk(Math.Max(1, rows / pieces)))
            {
                sink.Write(tensor, first * row, bytes.AsSpan(first * row, part.Length * row));
                first += part.Length;
            }
        }
    }
}
