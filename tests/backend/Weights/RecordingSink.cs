using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Keeps what a reader gives and checks that it keeps the sink's contract.</summary>
internal sealed class RecordingSink : ITensorSink
{
    private readonly Dictionary<string, (byte[] Bytes, long Written)> _tensors = [];

    public IReadOnlyList<TensorEntry> Announced { get; private set; } = [];

    /// <summary>Opens a model and reads its weights.</summary>
    public async Task ReadAsync(IModelSource source, IProgress<LoadProgress>? progress = null, CancellationToken? cancellationToken = null)
    {
        CancellationToken cancellation = cancellationToken ?? TestContext.Current.CancellationToken;
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellation);
        await model.ReadAsync(this, progress, cancellation);
    }

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
        Assert.Equal(0, bytes.Length % tensor.Type.RowBytes(tensor.Shape[^1]));
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
