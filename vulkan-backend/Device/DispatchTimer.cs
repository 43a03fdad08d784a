using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Timestamps between the dispatches of one command buffer.</summary>
internal sealed unsafe class DispatchTimer : IDisposable
{
    /// <summary>Most dispatches of a command buffer that are timed: more than ten times those of a step of the largest model.</summary>
    private const uint Capacity = 8192;

    private readonly GpuDevice _device;
    private readonly QueryPool _pool;
    private readonly double _tickNanoseconds;
    private readonly List<(DispatchLabel Label, string Shader, (uint X, uint Y, uint Z) Grid)> _dispatches = [];

    /// <exception cref="DeviceException">The device has no timestamps.</exception>
    public DispatchTimer(GpuDevice device)
    {
        _tickNanoseconds = device.Description.Capabilities.TimestampNanoseconds
            ?? throw new DeviceException($"{device.Description.Name} has no timestamps: its kernels cannot be timed.");
        _device = device;
        var info = new QueryPoolCreateInfo { SType = StructureType.QueryPoolCreateInfo, QueryType = QueryType.Timestamp, QueryCount = Capacity + 1 };
        device.Api.CreateQueryPool(device.Handle, in info, null, out _pool).Check("create a query pool");
    }

    /// <summary>Call at the beginning of recording.</summary>
    public void Begin(CommandBuffer commands)
    {
        _dispatches.Clear();
        _device.Api.CmdResetQueryPool(commands, _pool, 0, Capacity + 1);
        _device.Api.CmdWriteTimestamp(commands, PipelineStageFlags.BottomOfPipeBit, _pool, 0);
    }

    /// <summary>Call after each dispatch.</summary>
    public void Stamp(CommandBuffer commands, DispatchLabel label, string shader, (uint X, uint Y, uint Z) grid)
    {
        if (_dispatches.Count == Capacity) return;
        _dispatches.Add((label, shader, grid));
        _device.Api.CmdWriteTimestamp(commands, PipelineStageFlags.BottomOfPipeBit, _pool, (uint)_dispatches.Count);
    }

    /// <summary>The times of the last submission, which must be done.</summary>
    public IReadOnlyList<DispatchTime> Read()
    {
        var ticks = new ulong[_dispatches.Count + 1];
        fixed (ulong* first = ticks)
        {
            _device.Api.GetQueryPoolResults(
                _device.Handle, _pool, 0, (uint)ticks.Length, (nuint)(ticks.Length * sizeof(ulong)), first, sizeof(ulong), QueryResultFlags.Result64Bit)
                .Check("read timestamps");
        }
        return [.. _dispatches.Select((dispatch, i) => new DispatchTime(
            dispatch.Label.Step ?? dispatch.Shader,
            dispatch.Label.Layer,
            dispatch.Shader,
            dispatch.Grid,
            Nanoseconds(ticks[i]),
            Nanoseconds(ticks[i + 1] - ticks[i])))];
    }

    public void Dispose() => _device.Api.DestroyQueryPool(_device.Handle, _pool, null);

    private long Nanoseconds(ulong ticks) => (long)(ticks * _tickNanoseconds);
}
