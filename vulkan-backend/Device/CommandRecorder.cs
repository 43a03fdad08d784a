using System.Diagnostics;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>
/// One command buffer: records work, submits it and waits for it. What was recorded once can be submitted again and again. Allocates nothing while doing so.
/// </summary>
internal sealed unsafe class CommandRecorder : DeviceObject
{
    private const PipelineStageFlags Stages = PipelineStageFlags.ComputeShaderBit | PipelineStageFlags.TransferBit;
    private const AccessFlags Written = AccessFlags.ShaderWriteBit | AccessFlags.TransferWriteBit;

    private readonly CommandPool _pool;
    private readonly CommandBuffer _commands;
    private readonly Fence _fence;
    private readonly DispatchTimer? _timer;
    private readonly HashSet<ComputePipeline>? _collected;
    private DispatchLabel _label;

    /// <param name="device">Whose queue does the work.</param>
    /// <param name="queueFamily">That queue's family.</param>
    /// <param name="timed">Whether every dispatch is timed.</param>
    /// <param name="collected">Gets the pipelines of what is recorded, which then is not; null records.</param>
    public CommandRecorder(GpuDevice device, uint queueFamily, bool timed, HashSet<ComputePipeline>? collected)
        : base(device)
    {
        var pool = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = queueFamily };
        device.Api.CreateCommandPool(device.Handle, in pool, null, out _pool).Check("create a command pool");
        var buffer = new CommandBufferAllocateInfo
        {
            SType = StructureType.CommandBufferAllocateInfo,
            CommandPool = _pool,
            Level = CommandBufferLevel.Primary,
            CommandBufferCount = 1,
        };
        device.Api.AllocateCommandBuffers(device.Handle, in buffer, out _commands).Check("allocate a command buffer");
        var fence = new FenceCreateInfo { SType = StructureType.FenceCreateInfo };
        device.Api.CreateFence(device.Handle, in fence, null, out _fence).Check("create a fence");
        if (timed) _timer = new DispatchTimer(device);
        _collected = collected;
    }

    /// <summary>Starts over with an empty command buffer. What is recorded then sees all that was submitted before, also without waiting for it.</summary>
    public void Begin()
    {
        Device.Api.ResetCommandPool(Device.Handle, _pool, 0).Check("reset the command pool");
        var info = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo };
        Device.Api.BeginCommandBuffer(_commands, in info).Check("begin recording");
        _timer?.Begin(_commands);
        Barrier();
    }

    /// <summary>Names what is recorded next, for those who time it.</summary>
    /// <param name="step">What a dispatch does: "qkv".</param>
    /// <param name="layer">For which layer; -1 outside of them.</param>
    public void Label(string step, int layer = -1) => _label = new DispatchLabel(step, layer);

    /// <summary>Runs a kernel over no workgroups: nothing is computed, but drivers that compile a shader at its first dispatch do so.</summary>
    public void DispatchNothing(ComputePipeline pipeline)
    {
        byte* nothing = stackalloc byte[(int)GpuDevice.PushConstantBytes];
        pipeline.Bind(_commands);
        Device.Api.CmdPushConstants(_commands, Device.PipelineLayout, ShaderStageFlags.ComputeBit, 0, GpuDevice.PushConstantBytes, nothing);
        Device.Api.CmdDispatch(_commands, 0, 0, 0);
    }

    /// <summary>Runs a kernel over a grid of workgroups. Kernels recorded without a barrier between them may overlap.</summary>
    public void Dispatch<TArguments>(ComputePipeline pipeline, in TArguments arguments, uint x, uint y = 1, uint z = 1)
        where TArguments : unmanaged
    {
        Debug.Assert(sizeof(TArguments) <= GpuDevice.PushConstantBytes, "push constants fit");
        if (_collected is not null)
        {
            _collected.Add(pipeline);
            return;
        }
        pipeline.Bind(_commands);
        fixed (TArguments* values = &arguments)
            Device.Api.CmdPushConstants(_commands, Device.PipelineLayout, ShaderStageFlags.ComputeBit, 0, (uint)sizeof(TArguments), values);
        Device.Api.CmdDispatch(_commands, x, y, z);
        _timer?.Stamp(_commands, _label, pipeline.Shader, (x, y, z));
    }

    /// <summary>What is recorded after sees all that was written before.</summary>
    public void Barrier()
    {
        if (_collected is null) Barrier(Stages, AccessFlags.ShaderReadBit | AccessFlags.TransferReadBit | Written);
    }

    public void Fill(GpuBuffer buffer, uint value) => Device.Api.CmdFillBuffer(_commands, buffer.Handle, 0, Vk.WholeSize, value);

    public void Copy(GpuBuffer source, long sourceOffset, GpuBuffer destination, long destinationOffset, long bytes)
    {
        var region = new BufferCopy { SrcOffset = (ulong)sourceOffset, DstOffset = (ulong)destinationOffset, Size = (ulong)bytes };
        Device.Api.CmdCopyBuffer(_commands, source.Handle, destination.Handle, 1, in region);
    }

    /// <summary>Ends recording: from now on it can be submitted, until the next <see cref="Begin"/>. The host sees its results after a wait.</summary>
    public void End()
    {
        Barrier(PipelineStageFlags.HostBit, AccessFlags.HostReadBit);
        Device.Api.EndCommandBuffer(_commands).Check("end recording");
    }

    /// <summary>Hands what was recorded to the device, behind all that was submitted before. Each time is followed by one <see cref="Wait"/>.</summary>
    public void Submit()
    {
        CommandBuffer commands = _commands;
        var submit = new SubmitInfo { SType = StructureType.SubmitInfo, CommandBufferCount = 1, PCommandBuffers = &commands };
        Device.Submit(in submit, _fence);
    }

    /// <summary>Returns when what was submitted is done.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void Wait()
    {
        Device.Api.WaitForFences(Device.Handle, 1, in _fence, true, ulong.MaxValue).Check("wait for the device");
        Device.Api.ResetFences(Device.Handle, 1, in _fence).Check("reset a fence");
    }

    /// <summary>Runs what was recorded and returns when it is done and its results are visible to the host.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void SubmitAndWait()
    {
        End();
        Submit();
        Wait();
    }

    /// <summary>When the dispatches of the last submission ran, in the order of recording; empty for a recorder that does not time them. Call after a wait.</summary>
    public IReadOnlyList<DispatchTime> ReadTimes() => _timer?.Read() ?? [];

    protected override void Free()
    {
        _timer?.Dispose();
        Device.Api.DestroyFence(Device.Handle, _fence, null);
        Device.Api.DestroyCommandPool(Device.Handle, _pool, null);
    }

    private void Barrier(PipelineStageFlags after, AccessFlags touched)
    {
        var barrier = new MemoryBarrier { SType = StructureType.MemoryBarrier, SrcAccessMask = Written, DstAccessMask = touched };
        Device.Api.CmdPipelineBarrier(_commands, Stages, after, 0, 1, in barrier, 0, null, 0, null);
    }
}
