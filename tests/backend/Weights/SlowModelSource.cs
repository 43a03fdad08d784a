using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>A model whose reads take a while: other things happen meanwhile.</summary>
internal sealed class SlowModelSource(IModelSource model) : IModelSource
{
    public string Name => model.Name;

    /// <summary>Files that were closed while they were read.</summary>
    public int ClosedUnderReads { get; private set; }

    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) => model.ListAsync(cancellationToken);

    public async ValueTask<Stream> OpenAsync(string file, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        await using Stream stream = await model.OpenAsync(file, cancellationToken);
        await stream.CopyToAsync(bytes, cancellationToken);
        return new SlowStream(this, bytes.ToArray());
    }

    private sealed class SlowStream(SlowModelSource source, byte[] bytes) : MemoryStream(bytes, writable: false)
    {
        private bool _isReading;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _isReading = true;
            await Task.Delay(1, CancellationToken.None);
            int read = await base.ReadAsync(buffer, cancellationToken);
            _isReading = false;
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (_isReading) source.ClosedUnderReads++;
            base.Dispose(disposing);
        }
    }
}
