using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>A model whose reads take a while: other things happen meanwhile.</summary>
internal sealed class SlowModelSource(IModelSource model) : IModelSource
{
    public string Name => model.Name;

    /// <summary>Files that were closed while they were read.</summary>
    public int ClosedUnderReads { get; private set; }

    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) => model.ListAsync(cancellationToken);

    public async ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken) =>
        new SlowFile(this, await model.OpenAsync(file, cancellationToken));

    private sealed class SlowFile(SlowModelSource source, IModelFile file) : IModelFile
    {
        private int _reads;

        public long Length => file.Length;

        public int BlockBytes => file.BlockBytes;

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _reads);
            await Task.Delay(1, CancellationToken.None);
            await file.ReadAsync(offset, buffer, CancellationToken.None);
            Interlocked.Decrement(ref _reads);
        }

        public ValueTask DisposeAsync()
        {
            if (Volatile.Read(ref _reads) > 0) source.ClosedUnderReads++;
            return file.DisposeAsync();
        }
    }
}
