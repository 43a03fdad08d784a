using Gemma2.Backend.Pipelines;
using Silk.NET.Vulkan;

using VkDevice = Silk.NET.Vulkan.Device;

namespace Gemma2.Backend.Device;

/// <summary>
/// One opened Vulkan device with one compute queue. Buffers are reached by address and all kernels share one pipeline layout
/// (push constants only), so there are no descriptor sets. Objects may be made and work submitted by any thread; what was made belongs to one thread at a time.
/// </summary>
internal sealed unsafe partial class GpuDevice : IDisposable
{
    /// <summary>Push constants a kernel may have: what every Vulkan device offers at least.</summary>
    public const uint PushConstantBytes = 128;

    private readonly VulkanInstance _instance;
    private readonly PhysicalDevice _physical;
    private readonly PhysicalDeviceMemoryProperties _memory;
    private readonly long _maxAllocationBytes;
    private readonly uint _queueFamily;
    private readonly bool _hideDeviceMemory;
    private readonly bool _takesHostMemory;
    private readonly Lock _queueLock = new();
    private int _pipelineCount;

    private GpuDevice(VulkanInstance instance, DeviceDescription description, bool hideDeviceMemory, CompiledShaders? compiled)
    {
        _instance = instance;
        _hideDeviceMemory = hideDeviceMemory;
        Description = description;
        _physical = instance.PhysicalDevices()[description.Index];
        Api.GetPhysicalDeviceMemoryProperties(_physical, out _memory);
        _maxAllocationBytes = description.MaxAllocationBytes;
        _queueFamily = FindComputeQueueFamily();
        // The validation layer of older releases does not know shader objects.
        bool hasShaderObjects = description.NeedsShaderObjects && !instance.IsValidating;
        _takesHostMemory = HostMemory.IsFor(description, name => VulkanDevices.HasExtension(Api, _physical, name));
        Handle = DeviceFeatures.Create(Api, _physical, _queueFamily, description.Capabilities, hasShaderObjects, _takesHostMemory);
        try
        {
            Api.GetDeviceQueue(Handle, _queueFamily, 0, out Queue queue);
            Queue = queue;
            PipelineLayout = CreatePipelineLayout();
            if (hasShaderObjects) ShaderObjects = new ShaderObjects(this);
            PipelineCache = new PipelineCache(this, compiled);
        }
        catch
        {
            Api.DestroyDevice(Handle, null);
            throw;
        }
    }

    /// <summary>What the driver says of this device.</summary>
    public DeviceDescription Description { get; }

    /// <summary>Threads that run in lockstep; every kernel asks for just this size.</summary>
    public uint SubgroupSize => (uint)Description.SubgroupSize;

    public Vk Api => _instance.Api;

    public VkDevice Handle { get; }

    public Queue Queue { get; }

    public PipelineLayout PipelineLayout { get; }

    /// <summary>What every pipeline is made from and kept in.</summary>
    public PipelineCache PipelineCache { get; }

    /// <summary>What shaders are in place of pipelines; null where they are pipelines.</summary>
    public ShaderObjects? ShaderObjects { get; }

    /// <summary>The push constants that every kernel has.</summary>
    public static PushConstantRange PushConstants => new() { StageFlags = ShaderStageFlags.ComputeBit, Size = PushConstantBytes };

    /// <summary>How many pipelines were made on the device.</summary>
    public int PipelineCount => _pipelineCount;

    /// <summary>What the validation layer reported so far.</summary>
    public IReadOnlyCollection<string> ValidationReports => _instance.ValidationReports;

    /// <summary>Opens the device that <see cref="VulkanDevices.Choose"/> picks.</summary>
    /// <param name="wanted">Part of a name, or an index; null for the best.</param>
    /// <param name="allowSoftware">Whether a CPU device may be used.</param>
    /// <param name="validation">Load the Khronos validation layer.</param>
    /// <param name="hideDeviceMemory">Never map the device's own memory, so that a CPU device goes through staging as a large GPU does.</param>
    /// <param name="restore">Asked, when the device is chosen and before it is opened, for what an earlier process compiled on it.</param>
    /// <exception cref="DeviceException">There is none, or it cannot be opened.</exception>
    public static GpuDevice Open(
        string? wanted, bool allowSoftware, bool validation = false, bool hideDeviceMemory = false, Func<DeviceDescription, CompiledShaders?>? restore = null)
    {
        var instance = new VulkanInstance(validation);
        try
        {
            DeviceDescription chosen = VulkanDevices.Choose(VulkanDevices.List(instance), wanted, allowSoftware).Device;
            return new GpuDevice(instance, chosen, hideDeviceMemory, restore?.Invoke(chosen));
        }
        catch
        {
            instance.Dispose();
            throw;
        }
    }

    /// <summary>Counts a pipeline that was made.</summary>
    public void CountPipeline() => Interlocked.Increment(ref _pipelineCount);

    /// <summary>A command buffer to record into.</summary>
    /// <param name="timed">Whether every dispatch is timed.</param>
    /// <param name="collected">Gets the pipelines of what is recorded, which then is not; null records.</param>
    public CommandRecorder CreateRecorder(bool timed = false, HashSet<ComputePipeline>? collected = null) =>
        Make(() => new CommandRecorder(this, _queueFamily, timed, collected));

    /// <summary>Returns when all that was submitted is done, or the device is lost.</summary>
    public void WaitIdle()
    {
        lock (_queueLock) Api.DeviceWaitIdle(Handle);
    }

    /// <summary>Hands work to the queue, behind all that was handed over before. Any thread may.</summary>
    public void Submit(in SubmitInfo work, Fence fence)
    {
        lock (_queueLock) Api.QueueSubmit(Queue, 1, in work, fence).Check("submit work");
    }

    /// <summary>Frees the device and all that is left on it.</summary>
    public void Dispose()
    {
        WaitIdle();
        Free((_, _) => true);
        PipelineCache.Dispose();
        Api.DestroyPipelineLayout(Handle, PipelineLayout, null);
        Api.DestroyDevice(Handle, null);
        _instance.Dispose();
    }

    private uint FindComputeQueueFamily()
    {
        uint count = 0;
        Api.GetPhysicalDeviceQueueFamilyProperties(_physical, ref count, null);
        var families = new QueueFamilyProperties[count];
        fixed (QueueFamilyProperties* first = families)
            Api.GetPhysicalDeviceQueueFamilyProperties(_physical, ref count, first);
        int index = Array.FindIndex(families, f => f.QueueFlags.HasFlag(QueueFlags.ComputeBit));
        if (index < 0) throw new DeviceException($"{Description.Name} has no compute queue.");
        return (uint)index;
    }

    private PipelineLayout CreatePipelineLayout()
    {
        PushConstantRange range = PushConstants;
        var info = new PipelineLayoutCreateInfo
        {
            SType = StructureType.PipelineLayoutCreateInfo,
            PushConstantRangeCount = 1,
            PPushConstantRanges = &range,
        };
        Api.CreatePipelineLayout(Handle, in info, null, out PipelineLayout layout).Check("create the pipeline layout");
        return layout;
    }
}
