using System.Buffers;
using System.IO.MemoryMappedFiles;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>A blob whose bytes are in memory, or in the page cache.</summary>
internal sealed unsafe class ServedBlob : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte[]? _bytes;
    private readonly byte* _pointer;

    public ServedBlob(byte[] bytes) => (_bytes, Length, Changed) = (bytes, bytes.Length, DateTimeOffset.UtcNow);

    public ServedBlob(FileInfo file)
    {
        (Length, Changed) = (file.Length, file.LastWriteTimeUtc);
        if (Length == 0)
        {
            _bytes = [];
            return;
        }
        _file = MemoryMappedFile.CreateFromFile(file.FullName, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
    }

    public long Length { get; }

    public DateTimeOffset Changed { get; }

    public string Version { get; } = $"\"0x{Guid.NewGuid():N}\"";

    /// <summary>Some of its bytes.</summary>
    public Memory<byte> Slice(long offset, int length) => _bytes is not null ? _bytes.AsMemory((int)offset, length) : new Piece(_pointer + offset, length).Memory;

    public void Dispose()
    {
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }

    private sealed class Piece(byte* begin, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(begin, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(begin + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
