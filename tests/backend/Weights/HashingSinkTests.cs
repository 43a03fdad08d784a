using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

public sealed class HashingSinkTests
{
    private const int MatrixBytes = 300;

    private static readonly TensorEntry Norm = new("norm", TensorType.F32, [4], "a", 0, 16) { HoldsFactor = true };
    private static readonly TensorEntry Matrix = new("matrix", TensorType.F16, [75, 2], "a", 16, MatrixBytes);

    private static readonly string Expected = Hash((Norm, Bytes(16)), (Matrix, Bytes(MatrixBytes)));

    [Fact]
    public void Hash_TensorsInAnotherOrderFromOtherPlaces_IsTheSame() =>
        Assert.Equal(Expected, Hash((Matrix with { File = "b", Offset = 7 }, Bytes(MatrixBytes)), (Norm with { File = "c" }, Bytes(16))));

    [Theory, InlineData(16), InlineData(32), InlineData(48), InlineData(64), InlineData(80)]
    public void Hash_PiecesOfAnySizeInAnyOrder_IsTheSame(int rows) => Assert.Equal(Expected, Hash(rows, (Norm, Bytes(16)), (Matrix, Bytes(MatrixBytes))));

    [Theory, InlineData(0), InlineData(7), InlineData(15)]
    public void Hash_OneBitThatDiffers_Differs(int at)
    {
        byte[] bytes = Bytes(16);
        bytes[at] ^= 1;
        Assert.NotEqual(Expected, Hash((Norm, bytes), (Matrix, Bytes(MatrixBytes))));
    }

    [Fact]
    public void Hash_TheSameBytesOfOtherTensors_Differs() => Assert.Distinct(
    [
        Expected,
        Hash((Norm, Bytes(16))),
        Hash((Norm with { HoldsFactor = false }, Bytes(16)), (Matrix, Bytes(MatrixBytes))),
        Hash((Norm with { Name = "norms" }, Bytes(16)), (Matrix, Bytes(MatrixBytes))),
        Hash((Norm, Bytes(16)), (Matrix with { Type = TensorType.BF16 }, Bytes(MatrixBytes))),
        Hash((Norm, Bytes(16)), (Matrix with { Shape = [2, 75] }, Bytes(MatrixBytes))),
    ]);

    [Fact]
    public void Write_EveryPiece_IsPassedOn()
    {
        var next = new RecordingSink();
        Write(new HashingSink(next), rows: 32, (Norm, Bytes(16)), (Matrix, Bytes(MatrixBytes)));
        Assert.Equal([Norm, Matrix], next.Announced);
        Assert.Equal(Bytes(16), next.Bytes("norm"));
        Assert.Equal(Bytes(MatrixBytes), next.Bytes("matrix"));
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(1, count).Select(i => (byte)(i * 37))];

    private static string Hash(params (TensorEntry, byte[])[] tensors) => Hash(rows: 1024, tensors);

    private static string Hash(int rows, params (TensorEntry, byte[])[] tensors)
    {
        var sink = new HashingSink(new RecordingSink());
        Write(sink, rows, tensors);
        return sink.Hash();
    }

    /// <summary>Writes tensors in pieces of some rows, the last ones first.</summary>
    private static void Write(HashingSink sink, int rows, params (TensorEntry, byte[])[] tensors)
    {
        sink.Begin([.. tensors.Select(tensor => tensor.Item1)]);
        foreach ((TensorEntry tensor, byte[] bytes) in tensors)
        {
            int piece = rows * (int)tensor.RowBytes;
            for (int at = (bytes.Length - 1) / piece * piece; at >= 0; at -= piece) sink.Write(tensor, at, bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        }
    }
}
