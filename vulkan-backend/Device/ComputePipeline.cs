using System.Reflection;
using System.Security.Cryptography;
using Silk.NET.Core.Native;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Device;

/// <summary>
/// One shader, specialized. Specialization constant 0 is the workgroup's width in every shader, constants 1, 2, ... are the kernel's own. The driver compiles it when it is first needed,
/// or when <see cref="Compile"/> says so.
/// </summary>
internal sealed unsafe class ComputePipeline : DeviceObject
{
    private static readonly Lazy<string> _embeddedHash = new(HashEmbedded);

    private readonly Lazy<ulong> _handle;

    /// <param name="device">The device that runs it.</param>
    /// <param name="shader">Name of the shader in shaders/ops, without ".comp".</param>
    /// <param name="workgroupSize">Threads a workgroup: a multiple of the subgroup size.</param>
    /// <param name="constants">Values of the specialization constants 1, 2, ...</param>
    public ComputePipeline(GpuDevice device, string shader, uint workgroupSize, params ReadOnlySpan<uint> constants)
        : base(device)
    {
        Shader = shader;
        uint[] values = [workgroupSize, .. constants];
        _handle = new Lazy<ulong>(() => Create(LoadSpirv(shader), values));
    }

    /// <summary>The shader's name.</summary>
    public string Shader { get; }

    /// <summary>Lets the driver compile it now. Several pipelines may be compiled at once, by several threads.</summary>
    public void Compile() => _ = _handle.Value;

    /// <summary>What is dispatched next runs it.</summary>
    public void Bind(CommandBuffer commands)
    {
        if (Device.ShaderObjects is { } objects) objects.Bind(commands, _handle.Value);
        else Device.Api.CmdBindPipeline(commands, PipelineBindPoint.Compute, new Pipeline(_handle.Value));
    }

    /// <summary>Whether a shader was compiled into this build: some need a newer compiler than every machine has.</summary>
    public static bool IsEmbedded(string shader) => Assembly.GetExecutingAssembly().GetManifestResourceInfo($"{shader}.spv") is not null;

    /// <summary>Names and code of all shaders that were compiled into this build.</summary>
    public static IEnumerable<(string Shader, byte[] Spirv)> Embedded() => Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.EndsWith(".spv", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name => name[..^4]).Select(shader => (shader, LoadSpirv(shader)));

    /// <summary>One hash of all shaders of this build.</summary>
    public static string EmbeddedHash => _embeddedHash.Value;

    protected override void Free()
    {
        if (_handle is not { IsValueCreated: true }) return;
        if (Device.ShaderObjects is { } objects) objects.Destroy(_handle.Value);
        else Device.Api.DestroyPipeline(Device.Handle, new Pipeline(_handle.Value), null);
    }

    private static string HashEmbedded()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string shader, byte[] spirv) in Embedded())
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{shader} {spirv.Length}\n"));
            hash.AppendData(spirv);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static byte[] LoadSpirv(string shader)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{shader}.spv")
            ?? throw new InvalidOperationException($"The shader {shader} is not embedded.");
        var spirv = new byte[stream.Length];
        stream.ReadExactly(spirv);
        return spirv;
    }

    private ulong Create(byte[] spirv, ReadOnlySpan<uint> values)
    {
        Span<SpecializationMapEntry> entries = stackalloc SpecializationMapEntry[values.Length];
        for (int i = 0; i < values.Length; i++)
            entries[i] = new SpecializationMapEntry { ConstantID = (uint)i, Offset = (uint)(i * sizeof(uint)), Size = sizeof(uint) };
        fixed (SpecializationMapEntry* mapEntries = entries)
        fixed (uint* data = values)
        {
            var specialization = new SpecializationInfo
            {
                MapEntryCount = (uint)values.Length,
                PMapEntries = mapEntries,
                DataSize = (nuint)(values.Length * sizeof(uint)),
                PData = data,
            };
            ulong handle = Device.ShaderObjects is { } objects ? Device.PipelineCache.Shader(objects, spirv, values, specialization) : CreatePipeline(spirv, specialization).Handle;
            Device.CountPipeline();
            return handle;
        }
    }

    private Pipeline CreatePipeline(byte[] spirv, SpecializationInfo specialization)
    {
        byte* main = (byte*)SilkMarshal.StringToPtr("main");
        ShaderModule module = CreateModule(spirv);
        try
        {
            var subgroup = new PipelineShaderStageRequiredSubgroupSizeCreateInfo
            {
                SType = StructureType.PipelineShaderStageRequiredSubgroupSizeCreateInfo,
                RequiredSubgroupSize = Device.SubgroupSize,
            };
            var info = new ComputePipelineCreateInfo
            {
                SType = StructureType.ComputePipelineCreateInfo,
                Layout = Device.PipelineLayout,
                Stage = new PipelineShaderStageCreateInfo
                {
                    SType = StructureType.PipelineShaderStageCreateInfo,
                    PNext = &subgroup,
                    Flags = PipelineShaderStageCreateFlags.RequireFullSubgroupsBit,
                    Stage = ShaderStageFlags.ComputeBit,
                    Module = module,
                    PName = main,
                    PSpecializationInfo = &specialization,
                },
            };
            Pipeline pipeline;
            Device.Api.CreateComputePipelines(Device.Handle, Device.PipelineCache.Handle, 1, &info, null, &pipeline).Check("compile a shader");
            return pipeline;
        }
        finally
        {
            Device.Api.DestroyShaderModule(Device.Handle, module, null);
            SilkMarshal.Free((nint)main);
        }
    }

    private ShaderModule CreateModule(byte[] spirv)
    {
        fixed (byte* code = spirv)
        {
            var info = new ShaderModuleCreateInfo
            {
                SType = StructureType.ShaderModuleCreateInfo,
                CodeSize = (nuint)spirv.Length,
                PCode = (uint*)code,
            };
            Device.Api.CreateShaderModule(Device.Handle, in info, null, out ShaderModule module).Check("load a shader");
            return module;
        }
    }
}
