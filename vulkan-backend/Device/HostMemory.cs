using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>
/// Memory of this process that a CPU device takes as its own (VK_EXT_external_memory_host), in large pages where the system has them. Most of the time of filling gigabytes
/// of such a driver's own memory goes into the first touch of its small pages, which are those of a shared file.
/// </summary>
/// <remarks>Constants and calls are Linux's. Sources: https://www.man7.org/linux/man-pages/man2/mmap.2.html, https://www.man7.org/linux/man-pages/man2/madvise.2.html.</remarks>
internal static unsafe partial class HostMemory
{
    /// <summary>What lets a device take it.</summary>
    public const string Extension = "VK_EXT_external_memory_host";

    private const int ReadAndWrite = 3;
    private const int PrivateAnonymousUnreserved = 0x4022;
    private const int LargePages = 14;

    /// <summary>Whether a device's memory can be that of this process.</summary>
    public static bool IsFor(DeviceDescription device, Func<string, bool> hasExtension) =>
        OperatingSystem.IsLinux() && device.Kind == DeviceKind.Software && hasExtension(Extension);

    /// <summary>Bytes in whole pages.</summary>
    public static ulong WholePages(ulong bytes) => (bytes + (ulong)Environment.SystemPageSize - 1) / (ulong)Environment.SystemPageSize * (ulong)Environment.SystemPageSize;

    /// <summary>Takes whole pages; null where there are not so many.</summary>
    public static byte* Take(ulong bytes)
    {
        void* memory = Map(null, (nuint)bytes, ReadAndWrite, PrivateAnonymousUnreserved, -1, 0);
        if (memory == (void*)-1) return null;
        // A wish: small pages do as well.
        _ = Advise(memory, (nuint)bytes, LargePages);
        return (byte*)memory;
    }

    /// <summary>Gives them back.</summary>
    public static void Free(byte* memory, ulong bytes)
    {
        if (memory != null) _ = Unmap(memory, (nuint)bytes);
    }

    /// <summary>The device's memory types that can be made of it.</summary>
    public static uint MemoryTypes(GpuDevice device, byte* memory)
    {
        var properties = (delegate* unmanaged<Silk.NET.Vulkan.Device, ExternalMemoryHandleTypeFlags, void*, MemoryHostPointerPropertiesEXT*, Result>)
            (void*)device.Api.GetDeviceProcAddr(device.Handle, "vkGetMemoryHostPointerPropertiesEXT");
        var found = new MemoryHostPointerPropertiesEXT { SType = StructureType.MemoryHostPointerPropertiesExt };
        properties(device.Handle, ExternalMemoryHandleTypeFlags.HostAllocationBitExt, memory, &found).Check("look at host memory");
        return found.MemoryTypeBits;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
