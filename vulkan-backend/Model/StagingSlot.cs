using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Model;

/// <summary>A staging buffer with its own commands, so that one is filled while another is copied.</summary>
/// <param name="device">The device.</param>
/// <param name="bytes">Bytes of the buffer, where not more are asked for.</param>
internal sealed class StagingSlot(GpuDevice device, int bytes) : IDisposable
{
    private readonly CommandRecorder _commands = device.CreateRecorder();
    private GpuBuffer? _buffer;
    private bool _isCopying;

    /// <summary>The buffer, of so many bytes at least. Nothing is copied from it any more: <see cref="Wait"/> was called.</summary>
    public GpuBuffer Buffer(long atLeast)
    {
        if (_buffer is { } buffer && buffer.Size >= atLeast) return buffer;
        _buffer?.Dispose();
        return _buffer = device.Allocate(Math.Max(bytes, atLeast), MemoryKind.Upload, "staging");
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

    private void Copy(long from, GpuBuffer target, long to, long length)
    {
        if (length > 0) _commands.Copy(_buffer!, from, target, to, length);
    }
}
