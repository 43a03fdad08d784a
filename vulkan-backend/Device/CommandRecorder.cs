using System.Diagnostics;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>Records work into one command buffer, submits it and waits for it. Used again for every step; allocates nothing while doing so.</summary>
internal sealed unsafe class CommandRecorder : IDisposable
{
    private readonly GpuDevice _device;
    private readonly CommandPool _pool;
    private readonly CommandBuffer _commands;
    private readonly Fence _fence;

    public CommandRecorder(GpuDevice device, uint queueFamily)
    {
        _device = device;
        var pool = new CommandPoolCreateInfo
        {
            SType = StructureType.CommandPoolCreateInfo,
            Flags = CommandPoolCreateFlags.TransientBit,
            QueueFamilyIndex = queueFamily,
        };
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
    }

    /// <summary>Starts over with an empty command buffer.</summary>
    public void Begin()
    {
        _device.Api.ResetCommandPool(_device.Handle, _pool, 0).Check("reset the command pool");
        var info = new CommandBufferBeginInfo
        {
            SType = StructureType.CommandBufferBeginInfo,
            Flags = CommandBufferUsageFlags.OneTimeSubmitBit,
        };
        _device.Api.BeginCommandBuffer(_commands, in info).Check("begin recording");
    }

    /// <summary>Runs a kernel over a grid of workgroups. Kernels recorded without a barrier between them may overlap.</summary>
    public void Dispatch<TArguments>(ComputePipeline pipeline, in TArguments arguments, uint x, uint y = 1, uint z = 1)
        where TArguments : unmanaged
    {
        Debug.Assert(sizeof(TArguments) <= GpuDevice.PushConstantBytes, "push constants fit");
        _device.Api.CmdBindPipeline(_commands, PipelineBindPoint.Compute, pipeline.Handle);
        fixed (TArguments* values = &arguments)
            _device.Api.CmdPushConstants(_commands, _device.PipelineLayout, ShaderStageFlags.ComputeBit, 0, (uint)sizeof(TArguments), values);
        _device.Api.CmdDispatch(_commands, x, y, z);
    }

    /// <summary>What is recorded after sees all that was written before.</summary>
    public void Barrier()
    {
        const AccessFlags written = AccessFlags.ShaderWriteBit | AccessFlags.TransferWriteBit;
        const AccessFlags touched = AccessFlags.ShaderReadBit | AccessFlags.ShaderWriteBit | AccessFlags.TransferReadBit | AccessFlags.TransferWriteBit;
        const PipelineStageFlags stages = PipelineStageFlags.ComputeShaderBit | PipelineStageFlags.TransferBit;
        Barrier(stages, written, stages, touched);
    }

    public void Fill(GpuBuffer buffer, uint value) => _device.Api.CmdFillBuffer(_commands, buffer.Handle, 0, Vk.WholeSize, value);

    public void Copy(GpuBuffer source, long sourceOffset, GpuBuffer destination, long destinationOffset, long bytes)
    {
        var region = new BufferCopy { SrcOffset = (ulong)sourceOffset, DstOffset = (ulong)destinationOffset, Size = (ulong)bytes };
        _device.Api.CmdCopyBuffer(_commands, source.Handle, destination.Handle, 1, in region);
    }

    /// <summary>Runs what was recorded and returns when it is done and its results are visible to the host.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void SubmitAndWait()
    {
        Barrier(
            PipelineStageFlags.ComputeShaderBit | PipelineStageFlags.TransferBit,
            AccessFlags.ShaderWriteBit | AccessFlags.TransferWriteBit,
            PipelineStageFlags.HostBit,
            AccessFlags.HostReadBit);
        _device.Api.EndCommandBuffer(_commands).Check("end recording");
        CommandBuffer commands = _commands;
        var submit = new SubmitInfo { SType = StructureType.SubmitInfo, CommandBufferCount = 1, PCommandBuffers = &commands };
        _device.Api.QueueSubmit(_device.Queue, 1, in submit, _fence).Check("submit work");
        _device.Api.WaitForFences(_device.Handle, 1, in _fence, true, ulong.MaxValue).Check("wait for the device");
        _device.Api.ResetFences(_device.Handle, 1, in _fence).Check("reset a fence");
    }

    public void Dispose()
    {
        _device.Api.DestroyFence(_device.Handle, _fence, null);
        _device.Api.DestroyCommandPool(_device.Handle, _pool, null);
    }

    private void Barrier(PipelineStageFlags before, AccessFlags written, PipelineStageFlags after, AccessFlags touched)
    {
        var barrier = new MemoryBarrier { SType = StructureType.MemoryBarrier, SrcAccessMask = written, DstAccessMask = touched };
        _device.Api.CmdPipelineBarrier(_commands, before, after, 0, 1, in barrier, 0, null, 0, null);
    }
}
