using Silk.NET.Vulkan;

using VkDevice = Silk.NET.Vulkan.Device;

namespace Gemma2.Backend.Device;

/// <summary>
/// One opened Vulkan device with one compute queue. Buffers are reached by address and all kernels share one pipeline layout
/// (push constants only), so there are no descriptor sets. Not thread-safe: one thread owns it after loading.
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
    private int _pipelineCount;

    private GpuDevice(VulkanInstance instance, DeviceDescription description, bool hideDeviceMemory)
    {
        _instance = instance;
        _hideDeviceMemory = hideDeviceMemory;
        Description = description;
        _physical = instance.PhysicalDevices()[description.Index];
        Api.GetPhysicalDeviceMemoryProperties(_physical, out _memory);
        _maxAllocationBytes = description.MaxAllocationBytes;
        _queueFamily = FindComputeQueueFamily();
        Handle = DeviceFeatures.Create(Api, _physical, _queueFamily, description.Capabilities);
        try
        {
            Api.GetDeviceQueue(Handle, _queueFamily, 0, out Queue queue);
            Queue = queue;
            PipelineLayout = CreatePipelineLayout();
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

    /// <summary>How many pipelines were made on the device.</summary>
    public int PipelineCount => _pipelineCount;

    /// <summary>What the validation layer reported so far.</summary>
    public IReadOnlyCollection<string> ValidationReports => _instance.ValidationReports;

    /// <summary>Opens the device that <see cref="VulkanDevices.Choose"/> picks.</summary>
    /// <param name="wanted">Part of a name, or an index; null for the best.</param>
    /// <param name="allowSoftware">Whether a CPU device may be used.</param>
    /// <param name="validation">Load the Khronos validation layer.</param>
    /// <param name="hideDeviceMemory">Never map the device's own memory, so that a CPU device goes through staging as a large GPU does.</param>
    /// <exception cref="DeviceException">There is none, or it cannot be opened.</exception>
    public static GpuDevice Open(string? wanted, bool allowSoftware, bool validation = false, bool hideDeviceMemory = false)
    {
        var instance = new VulkanInstance(validation);
        try
        {
            return new GpuDevice(instance, VulkanDevices.Choose(VulkanDevices.List(instance), wanted, allowSoftware).Device, hideDeviceMemory);
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
    /// <param name="compilesOnly">Whether pipelines are only compiled, see <see cref="CommandRecorder"/>.</param>
    public CommandRecorder CreateRecorder(bool timed = false, bool compilesOnly = false) =>
        Make(() => new CommandRecorder(this, _queueFamily, timed, compilesOnly));

    /// <summary>Returns when all that was submitted is done, or the device is lost.</summary>
    public void WaitIdle() => Api.DeviceWaitIdle(Handle);

    /// <summary>Frees the device and all that is left on it.</summary>
    public void Dispose()
    {
        WaitIdle();
        Free((_, _) => true);
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
        var range = new PushConstantRange { StageFlags = ShaderStageFlags.ComputeBit, Size = PushConstantBytes };
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
