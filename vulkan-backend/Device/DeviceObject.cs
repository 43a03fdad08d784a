namespace Gemma2.Backend.Device;

/// <summary>
/// What is made on a device. It belongs to the device from its first line on, and so is freed with it at the latest, also where its own constructor, or that of what
/// it is a part of, fails half-way.
/// </summary>
internal abstract class DeviceObject : IDisposable
{
    /// <exception cref="DeviceException">See <see cref="GpuDevice.FailAt"/>.</exception>
    protected DeviceObject(GpuDevice device)
    {
        Device = device;
        device.Own(this);
    }

    /// <summary>The device.</summary>
    protected GpuDevice Device { get; }

    public void Dispose()
    {
        if (Device.Disown(this)) Free();
    }

    /// <summary>Frees what was made by now; called once. Vulkan takes no offence at handles of nothing.</summary>
    protected abstract void Free();
}
