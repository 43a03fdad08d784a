using Gemma2.Backend.Device;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests.Device;

/// <summary>Who frees what is made on a device. The validation layer reports whatever is left when the device goes.</summary>
public sealed class DeviceObjectTests : IDisposable
{
    private GpuDevice? _device;

    public void Dispose() => _device?.Dispose();

    [Fact]
    public void Make_ThatFailsAtAnyPart_LeavesWhatWasThereBefore()
    {
        GpuDevice device = Open();
        GpuBuffer before = device.Allocate(100, MemoryKind.Device, "a test");
        int made = 0;
        for (int part = 1; part <= 4; part++)
        {
            device.FailAt = 1 + made + part;
            Assert.Throws<DeviceException>(() => device.Make(() => new Parts(device)));
            made += part;
            Assert.Equal((1, 100), (device.ObjectCount, device.AllocatedBytes));
        }
        device.FailAt = null;
        Parts all = device.Make(() => new Parts(device));
        Assert.Equal((5, 100 + Parts.Bytes), (device.ObjectCount, device.AllocatedBytes));
        before.Dispose();
        all.Buffer.Dispose();
        Assert.Equal(3, device.ObjectCount);
    }

    [Fact]
    public void Make_ThatFailsWhileAnotherThreadMakesSomething_LeavesThat()
    {
        GpuDevice device = Open();
        GpuBuffer? other = null;
        Assert.Throws<InvalidOperationException>(() => device.Make<GpuBuffer>(() =>
        {
            _ = new Parts(device);
            var thread = new Thread(() => other = device.Allocate(100, MemoryKind.Device, "a test"));
            thread.Start();
            thread.Join();
            throw new InvalidOperationException();
        }));
        Assert.Equal((1, 100), (device.ObjectCount, device.AllocatedBytes));
        other!.Dispose();
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void Dispose_OfADeviceWithObjects_FreesThemOnce()
    {
        GpuDevice device = Open();
        Parts parts = new(device);
        device.Dispose();
        _device = null;
        Assert.Equal((0, 0), (device.ObjectCount, device.AllocatedBytes));
        parts.Buffer.Dispose();
        parts.Commands.Dispose();
        Assert.Empty(device.ValidationReports);
    }

    private GpuDevice Open()
    {
        Machine.NeedsDevice();
        return _device = GpuDevice.Open(wanted: null, allowSoftware: true, validation: ValidationLayer.Lacks is null);
    }

    private sealed class Parts(GpuDevice device)
    {
        public const long Bytes = 5000;

        public GpuBuffer Buffer { get; } = device.Allocate(1000, MemoryKind.Device, "a test");

        public ComputePipeline Pipeline { get; } = new(device, "rms_norm", device.SubgroupSize);

        public CommandRecorder Commands { get; } = device.CreateRecorder();

        public GpuBuffer Upload { get; } = device.Allocate(4000, MemoryKind.Upload, "a test");
    }
}
