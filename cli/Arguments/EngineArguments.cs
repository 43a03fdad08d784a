using System.CommandLine;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;

namespace Gemma2.Cli.Arguments;

/// <summary>Where and how an engine computes.</summary>
internal sealed class EngineArguments
{
    private readonly Option<KvCacheType?> _kv = Shared.KvCache();
    private readonly Option<WeightType?> _type = Shared.WeightType("Quantize the matrices while loading (without it: as the files have them); some get more bits.");
    private readonly Option<int?> _context = Shared.Context();
    private readonly Option<string?> _device = Shared.Device();
    private readonly Option<KernelOptions?> _kernels = Shared.Kernels();
    private readonly AdapterArguments _adapters = new();
    private readonly ChatTemplateArgument _chatTemplate = new();

    /// <summary>Adds all of them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_type);
        command.Add(_kv);
        command.Add(_context);
        command.Add(_device);
        command.Add(_kernels);
        _adapters.AddTo(command);
        _chatTemplate.AddTo(command);
    }

    /// <summary>The options for an engine that works on one sequence. Whoever calls this program chose the machine, so a software device is allowed.</summary>
    public EngineOptions Read(ParseResult parse) => new()
    {
        Device = parse.GetValue(_device),
        AllowSoftwareDevice = true,
        ContextLength = parse.GetValue(_context),
        MaxSequences = 1,
        WeightType = parse.GetValue(_type),
        Adapters = _adapters.Read(parse),
        ChatTemplate = _chatTemplate.Read(parse),
        KvCacheType = parse.GetValue(_kv) ?? KvCacheType.Auto,
        Kernels = parse.GetValue(_kernels) ?? KernelOptions.Default,
    };
}
