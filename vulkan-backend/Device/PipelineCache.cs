using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Gemma2.Backend.Pipelines;
using Silk.NET.Vulkan;

using VkPipelineCache = Silk.NET.Vulkan.PipelineCache;

namespace Gemma2.Backend.Device;

/// <summary>What the driver compiled on a device, in this process and in those before: its own pipeline cache, and where that holds nothing, binaries of <see cref="ShaderObjects"/>. Safe for all threads.</summary>
internal sealed unsafe class PipelineCache : IDisposable
{
    private readonly GpuDevice _device;
    private readonly CompiledShaders _compiled;
    private readonly int _restored;

    /// <param name="device">The device.</param>
    /// <param name="compiled">What an earlier process kept; null where there is nothing.</param>
    public PipelineCache(GpuDevice device, CompiledShaders? compiled)
    {
        _device = device;
        _compiled = compiled ?? new CompiledShaders();
        Handle = Create(_compiled.Driver.Span);
        _restored = DriverBytes();
    }

    /// <summary>The driver's cache.</summary>
    public VkPipelineCache Handle { get; }

    /// <summary>Shaders that were compiled in this process, though they could have been kept.</summary>
    public int Misses { get; private set; }

    /// <summary>Whether something is in it that was not before.</summary>
    public bool HasGrown => Misses > 0 || DriverBytes() > _restored;

    /// <summary>Makes a shader object of the binary that is kept, or compiles it and keeps its binary.</summary>
    public ulong Shader(ShaderObjects objects, ReadOnlySpan<byte> spirv, ReadOnlySpan<uint> constants, SpecializationInfo specialization)
    {
        string key = KeyOf(spirv, constants, _device.SubgroupSize);
        if (_compiled.Find(key) is { } binary && objects.TryRestore(binary.Span) is { } restored) return restored;
        ulong shader = objects.Compile(spirv, specialization);
        _compiled.Keep(key, objects.Read(shader));
        lock (_compiled) Misses++;
        return shader;
    }

    /// <summary>All that is in it by now, and what others kept.</summary>
    public CompiledShaders Read(IReadOnlyCollection<CompiledShaders> others)
    {
        foreach (CompiledShaders other in others.Where(other => !other.Driver.IsEmpty)) Merge(other.Driver.Span);
        nuint length = (nuint)DriverBytes();
        var driver = new byte[length];
        // What is compiled meanwhile is left out.
        fixed (byte* bytes = driver) _device.Api.GetPipelineCacheData(_device.Handle, Handle, &length, bytes).Check("read the pipeline cache");
        var all = new CompiledShaders { Driver = driver.AsMemory(0, (int)length) };
        all.Add(_compiled);
        foreach (CompiledShaders other in others) all.Add(other);
        return all;
    }

    public void Dispose() => _device.Api.DestroyPipelineCache(_device.Handle, Handle, null);

    private static string KeyOf(ReadOnlySpan<byte> spirv, ReadOnlySpan<uint> constants, uint subgroupSize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(spirv);
        hash.AppendData(MemoryMarshal.AsBytes(constants));
        hash.AppendData(BitConverter.GetBytes(subgroupSize));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void Merge(ReadOnlySpan<byte> data)
    {
        VkPipelineCache other = Create(data);
        _device.Api.MergePipelineCaches(_device.Handle, Handle, 1, in other).Check("merge pipeline caches");
        _device.Api.DestroyPipelineCache(_device.Handle, other, null);
    }

    /// <summary>A driver takes no notice of data that it does not know, and is given none that was damaged.</summary>
    private VkPipelineCache Create(ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            var info = new PipelineCacheCreateInfo { SType = StructureType.PipelineCacheCreateInfo, InitialDataSize = (nuint)data.Length, PInitialData = bytes };
            _device.Api.CreatePipelineCache(_device.Handle, in info, null, out VkPipelineCache cache).Check("create a pipeline cache");
            return cache;
        }
    }

    private int DriverBytes()
    {
        nuint length = 0;
        _device.Api.GetPipelineCacheData(_device.Handle, Handle, &length, null).Check("read the pipeline cache");
        return (int)length;
    }
}
