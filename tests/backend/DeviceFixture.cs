using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests;

/// <summary>The device that kernel tests run on. Where the validation layer is installed, it listens, synchronization checks included.</summary>
public class DeviceFixture : IDisposable
{
    private readonly Dictionary<KernelFamily, MatrixKernels> _kernels = [];
    private readonly GpuDevice? _device;

    public DeviceFixture()
        : this(hideDeviceMemory: false)
    {
    }

    protected DeviceFixture(bool hideDeviceMemory)
    {
        if (Machine.LacksDevice is not null) return;
        _device = GpuDevice.Open(wanted: null, allowSoftware: true, validation: ValidationLayer.Lacks is null, hideDeviceMemory: hideDeviceMemory);
    }

    /// <summary>The device; skips the calling test where there is none.</summary>
    internal GpuDevice Device
    {
        get
        {
            Machine.NeedsDevice();
            return _device!;
        }
    }

    /// <summary>The kernels of one family, compiled once for all tests.</summary>
    /// <exception cref="DeviceException">The device or the build lacks them.</exception>
    internal MatrixKernels Kernels(KernelFamily family)
    {
        if (!_kernels.TryGetValue(family, out MatrixKernels? kernels))
            _kernels.Add(family, kernels = new MatrixKernels(Device, new KernelOptions { Forced = family }));
        return kernels;
    }

    public void Dispose()
    {
        foreach (MatrixKernels kernels in _kernels.Values) kernels.Dispose();
        _device?.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A device whose own memory the host does not see, as that of a large GPU.</summary>
public sealed class HiddenMemoryFixture() : DeviceFixture(hideDeviceMemory: true);
