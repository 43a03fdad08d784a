using Silk.NET.Core.Native;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>
/// Shaders of VK_EXT_shader_object in place of pipelines. Their binaries can be had from the driver and handed to it again, also where its pipeline cache holds nothing: that is so in Mesa's CPU
/// driver, which else translates and unrolls SPIR-V anew in every process, the longest part of a start.
/// </summary>
internal sealed unsafe class ShaderObjects
{
    public const string Extension = "VK_EXT_shader_object";

    private readonly GpuDevice _device;
    private readonly delegate* unmanaged<Silk.NET.Vulkan.Device, uint, ShaderCreateInfoEXT*, AllocationCallbacks*, ShaderEXT*, Result> _create;
    private readonly delegate* unmanaged<Silk.NET.Vulkan.Device, ShaderEXT, AllocationCallbacks*, void> _destroy;
    private readonly delegate* unmanaged<Silk.NET.Vulkan.Device, ShaderEXT, nuint*, void*, Result> _read;
    private readonly delegate* unmanaged<CommandBuffer, uint, ShaderStageFlags*, ShaderEXT*, void> _bind;

    /// <param name="device">A device that was opened with the extension.</param>
    public ShaderObjects(GpuDevice device)
    {
        _device = device;
        _create = (delegate* unmanaged<Silk.NET.Vulkan.Device, uint, ShaderCreateInfoEXT*, AllocationCallbacks*, ShaderEXT*, Result>)Function("vkCreateShadersEXT");
        _destroy = (delegate* unmanaged<Silk.NET.Vulkan.Device, ShaderEXT, AllocationCallbacks*, void>)Function("vkDestroyShaderEXT");
        _read = (delegate* unmanaged<Silk.NET.Vulkan.Device, ShaderEXT, nuint*, void*, Result>)Function("vkGetShaderBinaryDataEXT");
        _bind = (delegate* unmanaged<CommandBuffer, uint, ShaderStageFlags*, ShaderEXT*, void>)Function("vkCmdBindShadersEXT");
    }

    /// <summary>Makes a shader of SPIR-V.</summary>
    public ulong Compile(ReadOnlySpan<byte> spirv, SpecializationInfo specialization)
    {
        Create(ShaderCodeTypeEXT.SpirvExt, spirv, &specialization, out ShaderEXT shader).Check("compile a shader");
        return shader.Handle;
    }

    /// <summary>Makes a shader of a binary that <see cref="Read"/> gave; null where the driver does not take it.</summary>
    public ulong? TryRestore(ReadOnlySpan<byte> binary) =>
        Create(ShaderCodeTypeEXT.BinaryExt, binary, null, out ShaderEXT shader) == Result.Success ? shader.Handle : null;

    /// <summary>A shader's binary.</summary>
    public byte[] Read(ulong shader)
    {
        nuint length = 0;
        _read(_device.Handle, new ShaderEXT(shader), &length, null).Check("read a shader's binary");
        var binary = new byte[length];
        fixed (byte* bytes = binary) _read(_device.Handle, new ShaderEXT(shader), &length, bytes).Check("read a shader's binary");
        return binary;
    }

    /// <summary>What is dispatched next runs the shader.</summary>
    public void Bind(CommandBuffer commands, ulong shader)
    {
        var stage = ShaderStageFlags.ComputeBit;
        var handle = new ShaderEXT(shader);
        _bind(commands, 1, &stage, &handle);
    }

    public void Destroy(ulong shader) => _destroy(_device.Handle, new ShaderEXT(shader), null);

    private Result Create(ShaderCodeTypeEXT type, ReadOnlySpan<byte> code, SpecializationInfo* specialization, out ShaderEXT shader)
    {
        byte* main = (byte*)SilkMarshal.StringToPtr("main");
        var subgroup = new PipelineShaderStageRequiredSubgroupSizeCreateInfo
        {
            SType = StructureType.PipelineShaderStageRequiredSubgroupSizeCreateInfo,
            RequiredSubgroupSize = _device.SubgroupSize,
        };
        PushConstantRange range = GpuDevice.PushConstants;
        try
        {
            fixed (byte* bytes = code)
            {
                var info = new ShaderCreateInfoEXT
                {
                    SType = StructureType.ShaderCreateInfoExt,
                    PNext = &subgroup,
                    Flags = ShaderCreateFlagsEXT.CreateRequireFullSubgroupsBitExt,
                    Stage = ShaderStageFlags.ComputeBit,
                    CodeType = type,
                    CodeSize = (nuint)code.Length,
                    PCode = bytes,
                    PName = main,
                    PushConstantRangeCount = 1,
                    PPushConstantRanges = &range,
                    PSpecializationInfo = specialization,
                };
                ShaderEXT made;
                Result result = _create(_device.Handle, 1, &info, null, &made);
                shader = made;
                return result;
            }
        }
        finally
        {
            SilkMarshal.Free((nint)main);
        }
    }

    private void* Function(string name) => _device.Api.GetDeviceProcAddr(_device.Handle, name);
}
