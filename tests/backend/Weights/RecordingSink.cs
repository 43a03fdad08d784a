using Gemma2.Backend.Weights;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Keeps what a reader gives and checks that it keeps the sink's contract.</summary>
internal sealed class RecordingSink : ITensorSink
{
    private readonly Dictionary<string, (byte[] Bytes, long Written)> _tensors = [];

    public IReadOnlyList<TensorEntry> Announced { get; private set; } = [];

    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        Assert.Empty(Announced);
        Announced = tensors;
        foreach (TensorEntry tensor in tensors) _tensors.Add(tensor.Name, (new byte[tensor.Length], 0));
    }

    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        Assert.Contains(tensor, Announced);
        (byte[] target, long written) = _tensors[tensor.Name];
        Assert.Equal(written, byteOffset);
        Assert.Equal(0, byteOffset % 4);
        Assert.Equal(0, bytes.Length % tensor.Type.Size());
        bytes.CopyTo(target.AsSpan((int)byteOffset));
        _tensors[tensor.Name] = (target, written + bytes.Length);
    }

    public byte[] Bytes(string tensor)
    {
        (byte[] bytes, long written) = _tensors[tensor];
        Assert.Equal(bytes.Length, written);
        return bytes;
    }
}
