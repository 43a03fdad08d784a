using Gemma2.Backend.Device;

namespace Gemma2.Backend.Tests.Device;

/// <summary>That nothing was reported says something only where the validation layer sees what is wrong. What is wrong here is recorded and never run.</summary>
public sealed class ValidationReportsTests : IDisposable
{
    private readonly GpuDevice _device;

    public ValidationReportsTests()
    {
        ValidationLayer.Needed();
        _device = GpuDevice.Open(wanted: null, allowSoftware: true, validation: true);
    }

    [Fact]
    public void ValidationReports_CopyPastTheEnd_NameTheCall() => Assert.Contains(
        Record((commands, source, target) => commands.Copy(source, 0, target, 0, source.Size * 2)), report => report.Contains("vkCmdCopyBuffer", StringComparison.Ordinal));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ValidationReports_WithAndWithoutABarrier_TellOfTheMissingOne(bool barrier)
    {
        IReadOnlyCollection<string> reports = Record((commands, source, target) =>
        {
            commands.Fill(source, 1);
            if (barrier) commands.Barrier();
            commands.Copy(source, 0, target, 0, source.Size);
        });

        Assert.Equal(!barrier, reports.Any(report => report.Contains("SYNC-HAZARD-READ", StringComparison.Ordinal)));
        Assert.Equal(barrier, reports.Count == 0);
    }

    public void Dispose() => _device.Dispose();

    private IReadOnlyCollection<string> Record(Action<CommandRecorder, GpuBuffer, GpuBuffer> record)
    {
        using GpuBuffer source = _device.Allocate(16, MemoryKind.Device, "a test"), target = _device.Allocate(16, MemoryKind.Device, "a test");
        using CommandRecorder commands = _device.CreateRecorder();
        commands.Begin();
        record(commands, source, target);
        commands.End();
        return _device.ValidationReports;
    }
}
