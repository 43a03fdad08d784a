using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>A staging buffer with its own commands, so that one is filled while another is copied.</summary>
internal sealed class StagingSlot(GpuDevice device) : IDisposable
{
    private readonly CommandRecorder _commands = device.CreateRecorder();
    private GpuBuffer? _buffer;
    private bool _isCopying;

    /// <summary>A buffer of some bytes at least, when what was sent from it last has arrived.</summary>
    public GpuBuffer Take(long bytes)
    {
        Wait();
        if (_buffer is { } buffer && buffer.Size >= bytes) return buffer;
        _buffer?.Dispose();
        return _buffer = device.Allocate(bytes, MemoryKind.Upload, "staging");
    }

    /// <summary>Sends planes of packed rows to their places, and does not wait for it.</summary>
    public void Send(PlaneOffsets from, GpuBuffer target, PlaneOffsets to, PlaneOffsets lengths)
    {
        _commands.Begin();
        Copy(from.Quants, target, to.Quants, lengths.Quants);
        Copy(from.High, target, to.High, lengths.High);
        Copy(from.Scales, target, to.Scales, lengths.Scales);
        Copy(from.Blocks, target, to.Blocks, lengths.Blocks);
        _commands.End();
        _commands.Submit();
        _isCopying = true;
    }

    /// <summary>Returns when what was sent has arrived.</summary>
    public void Wait()
    {
        if (!_isCopying) return;
        _commands.Wait();
        _isCopying = false;
    }

    public void Dispose()
    {
        Wait();
        _buffer?.Dispose();
        _commands.Dispose();
    }

    private void Copy(long from, GpuBuffer target, long to, long bytes)
    {
        if (bytes > 0) _commands.Copy(_buffer!, from, target, to, bytes);
    }
}
