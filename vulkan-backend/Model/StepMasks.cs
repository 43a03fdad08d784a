using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Model;

/// <summary>The token masks of a step's wanted rows: memory is taken when the first one comes.</summary>
/// <param name="device">The device.</param>
/// <param name="vocabularySize">Tokens that a mask tells of.</param>
internal sealed class StepMasks(GpuDevice device, int vocabularySize) : IDisposable
{
    private readonly int _words = TokenBits.Words(vocabularySize);
    private GpuBuffer? _host;
    private GpuBuffer? _device;

    private long Bytes => (long)StepLimits.Results * _words * sizeof(uint);

    /// <summary>Writes a row's mask.</summary>
    /// <param name="row">Index among the wanted rows.</param>
    /// <param name="mask">The mask; it does not allow everything.</param>
    /// <returns>Where the device will find it, [ceil(vocabulary / 32)] uint32.</returns>
    public ulong Write(int row, ITokenMask mask)
    {
        _host ??= device.Allocate(Bytes, MemoryKind.Upload, "token masks");
        _device ??= device.Allocate(Bytes, MemoryKind.Device, "token masks");
        long offset = (long)row * _words * sizeof(uint);
        mask.Allowed.CopyTo(_host.Span<uint>(offset, _words));
        return _device.Address + (ulong)offset;
    }

    /// <summary>Records that the device takes over what was written.</summary>
    public void Record(CommandRecorder commands) => commands.Copy(_host!, 0, _device!, 0, Bytes);

    public void Dispose()
    {
        _host?.Dispose();
        _device?.Dispose();
    }
}
