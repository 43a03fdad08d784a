using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests;

/// <summary>The device that kernel tests run on, with the validation layer (synchronization checks included) listening.</summary>
public sealed class DeviceFixture : IDisposable
{
    internal GpuDevice Device { get; } = GpuDevice.Open(wanted: null, allowSoftware: true, validation: true);

    public void Dispose() => Device.Dispose();
}
