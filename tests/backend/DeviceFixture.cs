using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests;

/// <summary>The device that kernel tests run on, with the validation layer (synchronization checks included) listening.</summary>
public class DeviceFixture : IDisposable
{
    public DeviceFixture()
        : this(hideDeviceMemory: false)
    {
    }

    protected DeviceFixture(bool hideDeviceMemory) =>
        Device = GpuDevice.Open(wanted: null, allowSoftware: true, validation: true, hideDeviceMemory: hideDeviceMemory);

    internal GpuDevice Device { get; }

    public void Dispose()
    {
        Device.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A device whose own memory the host does not see, as that of a large GPU.</summary>
public sealed class HiddenMemoryFixture() : DeviceFixture(hideDeviceMemory: true);
