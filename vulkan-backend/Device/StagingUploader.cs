namespace Gemma2.Backend.Device;

/// <summary>Writes host bytes into device buffers: straight where the host sees them, else through a staging buffer.</summary>
internal sealed class StagingUploader(GpuDevice device) : IDisposable
{
    private const int StagingBytes = 16 << 20;

    private readonly CommandRecorder _commands = device.CreateRecorder();
    private GpuBuffer? _staging;

    public void Write(GpuBuffer destination, long offset, ReadOnlySpan<byte> bytes)
    {
        if (destination.IsHostVisible)
        {
            bytes.CopyTo(destination.Span<byte>(offset, bytes.Length));
            return;
        }
        _staging ??= device.Allocate(StagingBytes, MemoryKind.Upload, "staging");
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, StagingBytes);
            bytes[..count].CopyTo(_staging.Span<byte>(0, count));
            _commands.Begin();
            _commands.Copy(_staging, 0, destination, offset, count);
            _commands.SubmitAndWait();
            bytes = bytes[count..];
            offset += count;
        }
    }

    /// <summary>Sets every word of a buffer.</summary>
    public void Fill(GpuBuffer buffer, uint value)
    {
        _commands.Begin();
        _commands.Fill(buffer, value);
        _commands.SubmitAndWait();
    }

    public void Dispose()
    {
        _staging?.Dispose();
        _commands.Dispose();
    }
}
