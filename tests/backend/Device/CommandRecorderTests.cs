using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Rows;

namespace Gemma2.Backend.Tests.Device;

public sealed class CommandRecorderTests(DeviceFixture fixture)
{
    private GpuDevice Device => fixture.Device;

    [Fact]
    public void Submit_RecordedOnce_RunsAgainWithWhatTheHostWroteSince()
    {
        using GpuBuffer source = Device.Allocate(16, MemoryKind.Upload, "a test");
        using GpuBuffer target = Device.Allocate(16, MemoryKind.Readback, "a test");
        using CommandRecorder commands = Device.CreateRecorder();
        commands.Begin();
        commands.Copy(source, 0, target, 0, 16);
        commands.End();

        for (uint round = 1; round <= 3; round++)
        {
            source.Span<uint>(0, 4).Fill(round);
            commands.Submit();
            commands.Wait();
            Assert.Equal([round, round, round, round], target.Span<uint>(0, 4).ToArray());
        }
    }

    [Fact]
    public void Submit_TwoWithoutWaiting_RunInOrder()
    {
        int earlierReports = Device.ValidationReports.Count;
        const int count = 1 << 20;
        using GpuBuffer buffer = Device.Allocate(count * sizeof(uint), MemoryKind.Device, "a test");
        using GpuBuffer target = Device.Allocate(count * sizeof(uint), MemoryKind.Readback, "a test");
        using CommandRecorder first = Device.CreateRecorder(), second = Device.CreateRecorder();
        first.Begin();
        first.Fill(buffer, 7);
        first.End();
        second.Begin();
        second.Copy(buffer, 0, target, 0, buffer.Size);
        second.End();

        first.Submit();
        second.Submit();
        second.Wait();
        first.Wait();

        Assert.Equal(-1, target.Span<uint>(0, count).IndexOfAnyExcept(7u));
        Assert.Empty(Device.ValidationReports.Skip(earlierReports));
    }

    [Fact]
    public void ReadTimes_TimedDispatches_NamesEachAndOrdersThem()
    {
        int earlierReports = Device.ValidationReports.Count;
        const int rows = 3, width = 64;
        using GpuBuffer memory = Device.Allocate(rows * width * sizeof(float), MemoryKind.Device, "a test");
        using var norm = new RmsNormKernel(Device);
        using CommandRecorder commands = Device.CreateRecorder(timed: true);
        var x = new Activation(memory.Address, width);
        commands.Begin();
        commands.Fill(memory, 0);
        commands.Barrier();
        commands.Label("first", 4);
        norm.Record(commands, x, memory.Address, x, 1, 1);
        commands.Barrier();
        commands.Label("second");
        norm.Record(commands, x, memory.Address, x, 1, rows);
        commands.SubmitAndWait();

        IReadOnlyList<DispatchTime> times = commands.ReadTimes();

        Assert.Equal([("first", 4, "rms_norm", (1u, 1u, 1u)), ("second", -1, "rms_norm", (3u, 1u, 1u))], times.Select(t => (t.Step, t.Layer, t.Shader, t.Grid)));
        Assert.All(times, time => Assert.InRange(time.Nanoseconds, 1, 1_000_000_000));
        Assert.InRange(times[1].Begin - (times[0].Begin + times[0].Nanoseconds), -2, 2);
        Assert.Empty(Device.ValidationReports.Skip(earlierReports));
    }

    [Fact]
    public void ReadTimes_NotTimed_IsEmpty()
    {
        using CommandRecorder commands = Device.CreateRecorder();
        commands.Begin();
        commands.SubmitAndWait();

        Assert.Empty(commands.ReadTimes());
    }
}
