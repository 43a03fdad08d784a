using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// Memory for blocks on their way, outside of the managed heap, so that it is gone when reading ends. Whoever asks gets what was given back last: it is still in the
/// processor's cache, and no more memory is touched than is needed at once.
/// </summary>
/// <param name="bytes">Bytes of a block.</param>
internal sealed class BlockBuffers(int bytes) : IDisposable
{
    private readonly ConcurrentStack<Buffer> _free = new();

    /// <summary>A buffer; dispose of it to give it back.</summary>
    public IMemoryOwner<byte> Rent() => _free.TryPop(out Buffer? buffer) ? buffer : new Buffer(this, bytes);

    /// <summary>Frees all; call when every buffer was given back.</summary>
    public void Dispose()
    {
        while (_free.TryPop(out Buffer? buffer)) buffer.Free();
    }

    private sealed unsafe class Buffer(BlockBuffers pool, int length) : MemoryManager<byte>
    {
        private const int Page = 4096;

        private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, Page);

        public override Span<byte> GetSpan() => new(_memory, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(_memory + elementIndex);

        public override void Unpin()
        {
        }

        public void Free() => NativeMemory.AlignedFree(_memory);

        protected override void Dispose(bool disposing) => pool._free.Push(this);
    }
}
