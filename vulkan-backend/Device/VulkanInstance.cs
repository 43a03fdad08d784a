using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Silk.NET.Core;
using Silk.NET.Core.Loader;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>The Vulkan loader and one instance; with the validation layer when asked.</summary>
internal sealed unsafe class VulkanInstance : IDisposable
{
    private const string ValidationLayer = "VK_LAYER_KHRONOS_validation";
    private const string DebugUtilsExtension = "VK_EXT_debug_utils";
    private static readonly Version32 RequiredVersion = Vk.Version13;

    private readonly ValidationMessages? _validation;

    public VulkanInstance(bool validation = false)
    {
        CpuDriverVectors.Widen();
        Api = LoadApi();
        try
        {
            CheckLoaderVersion();
            Handle = CreateInstance(validation);
            if (validation) _validation = new ValidationMessages(Api, Handle);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public Vk Api { get; }

    public Instance Handle { get; }

    /// <summary>Whether the validation layer listens.</summary>
    public bool IsValidating => _validation is not null;

    /// <summary>What the validation layer reported so far; empty when it was not asked for.</summary>
    public IReadOnlyCollection<string> ValidationReports => _validation?.Reports ?? [];

    public PhysicalDevice[] PhysicalDevices()
    {
        uint count = 0;
        Api.EnumeratePhysicalDevices(Handle, ref count, null).Check("list the Vulkan devices");
        var devices = new PhysicalDevice[count];
        fixed (PhysicalDevice* first = devices)
            Api.EnumeratePhysicalDevices(Handle, ref count, first).Check("list the Vulkan devices");
        return devices;
    }

    public void Dispose()
    {
        _validation?.Dispose();
        if (Handle.Handle != 0) Api.DestroyInstance(Handle, null);
        Api.Dispose();
    }

    private static Vk LoadApi()
    {
        try
        {
            return Vk.GetApi();
        }
        catch (Exception e) when (e is FileNotFoundException or DllNotFoundException or PlatformNotSupportedException or SymbolLoadingException)
        {
            throw new DeviceException("The Vulkan loader libvulkan.so.1 was not found; install it (on Debian: package libvulkan1).", e);
        }
    }

    private void CheckLoaderVersion()
    {
        uint version = 0;
        Api.EnumerateInstanceVersion(ref version).Check("ask the Vulkan loader for its version");
        if (version < RequiredVersion)
            throw new DeviceException($"The Vulkan loader is version {Describe(version)}; 1.3 or newer is needed.");
    }

    public static string Describe(uint version) => $"{version >> 22}.{(version >> 12) & 0x3ff}.{version & 0xfff}";

    private Instance CreateInstance(bool validation)
    {
        using var layers = new Utf8Array(validation ? [ValidationLayer] : []);
        using var extensions = new Utf8Array(validation ? [DebugUtilsExtension] : []);
        var application = new ApplicationInfo { SType = StructureType.ApplicationInfo, ApiVersion = RequiredVersion };
        var synchronization = ValidationFeatureEnableEXT.SynchronizationValidationExt;
        var features = new ValidationFeaturesEXT
        {
            SType = StructureType.ValidationFeaturesExt,
            EnabledValidationFeatureCount = 1,
            PEnabledValidationFeatures = &synchronization,
        };
        var info = new InstanceCreateInfo
        {
            SType = StructureType.InstanceCreateInfo,
            PNext = validation ? &features : null,
            PApplicationInfo = &application,
            EnabledLayerCount = layers.Count,
            PpEnabledLayerNames = layers.Pointer,
            EnabledExtensionCount = extensions.Count,
            PpEnabledExtensionNames = extensions.Pointer,
        };
        Result result = Api.CreateInstance(in info, null, out Instance instance);
        if (result == Result.ErrorLayerNotPresent)
            throw new DeviceException($"The layer {ValidationLayer} is not installed (on Debian: package vulkan-validationlayers).");
        if (result == Result.ErrorIncompatibleDriver)
            throw new DeviceException("No Vulkan driver is installed (on Debian, without a GPU: package mesa-vulkan-drivers).");
        result.Check("create a Vulkan instance");
        return instance;
    }

    /// <summary>Collects what the validation layer says, through VK_EXT_debug_utils.</summary>
    private sealed class ValidationMessages : IDisposable
    {
        private readonly Vk _api;
        private readonly Instance _instance;
        private readonly DebugUtilsMessengerEXT _messenger;
        private readonly GCHandle _self;
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _reports = new();

        public ValidationMessages(Vk api, Instance instance)
        {
            (_api, _instance) = (api, instance);
            _self = GCHandle.Alloc(this);
            var info = new DebugUtilsMessengerCreateInfoEXT
            {
                SType = StructureType.DebugUtilsMessengerCreateInfoExt,
                MessageSeverity = DebugUtilsMessageSeverityFlagsEXT.WarningBitExt | DebugUtilsMessageSeverityFlagsEXT.ErrorBitExt,
                MessageType = DebugUtilsMessageTypeFlagsEXT.ValidationBitExt | DebugUtilsMessageTypeFlagsEXT.PerformanceBitExt,
                PfnUserCallback = (PfnDebugUtilsMessengerCallbackEXT)(delegate* unmanaged[Cdecl]<DebugUtilsMessageSeverityFlagsEXT,
                    DebugUtilsMessageTypeFlagsEXT, DebugUtilsMessengerCallbackDataEXT*, void*, Bool32>)&Report,
                PUserData = (void*)GCHandle.ToIntPtr(_self),
            };
            var create = (delegate* unmanaged<Instance, DebugUtilsMessengerCreateInfoEXT*, AllocationCallbacks*, DebugUtilsMessengerEXT*, Result>)
                (void*)api.GetInstanceProcAddr(instance, "vkCreateDebugUtilsMessengerEXT");
            DebugUtilsMessengerEXT messenger;
            Result result = create(instance, &info, null, &messenger);
            if (result < Result.Success) _self.Free();
            result.Check("listen to the validation layer");
            _messenger = messenger;
        }

        public IReadOnlyCollection<string> Reports => _reports;

        public void Dispose()
        {
            var destroy = (delegate* unmanaged<Instance, DebugUtilsMessengerEXT, AllocationCallbacks*, void>)
                (void*)_api.GetInstanceProcAddr(_instance, "vkDestroyDebugUtilsMessengerEXT");
            destroy(_instance, _messenger, null);
            _self.Free();
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static Bool32 Report(
            DebugUtilsMessageSeverityFlagsEXT severity,
            DebugUtilsMessageTypeFlagsEXT types,
            DebugUtilsMessengerCallbackDataEXT* data,
            void* user)
        {
            var self = (ValidationMessages)GCHandle.FromIntPtr((nint)user).Target!;
            self._reports.Enqueue(Marshal.PtrToStringUTF8((nint)data->PMessage) ?? "");
            return false;
        }
    }
}
