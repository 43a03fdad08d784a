using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Keeps what a reader gives and checks that it keeps the sink's contract.</summary>
internal sealed class RecordingSink : ITensorSink
{
    private readonly Dictionary<string, (byte[] Bytes, bool[] Written)> _tensors = [];

    public bool KeepsOrder { get; init; }

    public IReadOnlyList<TensorEntry> Announced { get; private set; } = [];

    /// <summary>Opens a model and reads its weights.</summary>
    public async Task ReadAsync(IModelSource source, IProgress<LoadProgress>? progress = null, CancellationToken? cancellationToken = null, ReadOptions? options = null)
    {
        CancellationToken cancellation = cancellationToken ?? TestContext.Current.CancellationToken;
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellation);
        await model.ReadAsync(this, progress, options, cancellation);
    }

    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        Assert.Empty(Announced);
        Announced = tensors;
        foreach (TensorEntry tensor in tensors) _tensors.Add(tensor.Name, (new byte[tensor.Length], new bool[tensor.Length]));
    }

    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        Assert.Contains(tensor, Announced);
        (byte[] target, bool[] written) = _tensors[tensor.Name];
        long row = tensor.RowBytes, end = byteOffset + bytes.Length;
        Assert.Equal(0, byteOffset % (row * ITensorSink.GroupRows));
        Assert.True(end == tensor.Length || end % (row * ITensorSink.GroupRows) == 0);
        bytes.CopyTo(target.AsSpan((int)byteOffset));
        // Once each.
        Assert.DoesNotContain(true, written.AsSpan((int)byteOffset, bytes.Length).ToArray());
        written.AsSpan((int)byteOffset, bytes.Length).Fill(true);
    }

    public byte[] Bytes(string tensor)
    {
        (byte[] bytes, bool[] written) = _tensors[tensor];
        Assert.DoesNotContain(false, written);
        return bytes;
    }
}
