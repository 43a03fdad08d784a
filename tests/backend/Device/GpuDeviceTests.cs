using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests.Device;

public sealed class GpuDeviceTests(DeviceFixture fixture)
{
    private GpuDevice Device => fixture.Device;

    [Fact]
    public void Allocate_MoreThanTheDeviceGives_SaysForWhatAndHowMuch()
    {
        var error = Assert.Throws<DeviceException>(() => Device.Allocate(long.MaxValue / 2, MemoryKind.Device, "the embedding"));

        Assert.Contains("the embedding", error.Message, StringComparison.Ordinal);
        Assert.Contains("MiB", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4099)]
    public void Upload_ThroughTheDevice_ArrivesUnchanged(int length)
    {
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        using GpuBuffer source = Device.Allocate(length, MemoryKind.Upload, "a test");
        using GpuBuffer middle = Device.Allocate(length, MemoryKind.Device, "a test");
        using GpuBuffer target = Device.Allocate(length, MemoryKind.Readback, "a test");
        bytes.CopyTo(source.Span<byte>(0, length));

        using CommandRecorder commands = Device.CreateRecorder();
        commands.Begin();
        commands.Copy(source, 0, middle, 0, length);
        commands.Barrier();
        commands.Copy(middle, 0, target, 0, length);
        commands.SubmitAndWait();

        Assert.Equal(bytes, target.Span<byte>(0, length).ToArray());
    }

    [Fact]
    public void Span_OutsideTheBuffer_Throws()
    {
        using GpuBuffer buffer = Device.Allocate(64, MemoryKind.Readback, "a test");

        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(0, 17).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(-4, 1).Length);
    }
}
