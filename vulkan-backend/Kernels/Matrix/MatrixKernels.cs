using Gemma2.Backend.Device;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Products with weight matrices, by the families of kernels that were chosen for the device.</summary>
internal sealed class MatrixKernels : IDisposable
{
    private readonly Dictionary<KernelFamily, IMatrixFamily> _families = [];
    private readonly List<DriverQuirk> _faults = [];
    private readonly Func<KernelFamily, IMatrixFamily> _create;
    private KernelChoice _choice;

    /// <param name="device">The device that multiplies.</param>
    /// <param name="options">Which families may be used.</param>
    /// <exception cref="DeviceException">No family is left.</exception>
    public MatrixKernels(GpuDevice device, KernelOptions options)
        : this(device.Description, options, family => Create(device, family))
    {
    }

    /// <param name="device">What the choice follows from.</param>
    /// <param name="options">Which families may be used.</param>
    /// <param name="create">Makes a family when it is first needed.</param>
    internal MatrixKernels(DeviceDescription device, KernelOptions options, Func<KernelFamily, IMatrixFamily> create)
    {
        (Device, Options, _create) = (device, options, create);
        _choice = KernelChoice.For(device, options);
    }

    /// <summary>The device that the choice follows from.</summary>
    public DeviceDescription Device { get; }

    /// <summary>Which families may be used.</summary>
    public KernelOptions Options { get; }

    /// <summary>The faults that <see cref="TurnOff"/> was told of.</summary>
    public IReadOnlyList<DriverQuirk> Faults => _faults;

    /// <summary>The same for whoever runs the engine, a line each.</summary>
    public IEnumerable<string> Warnings => _faults.Select(fault =>
        $"The {fault.Family.Word()} kernels are not used on {Device.Name}: the family {fault.Text}. "
        + $"--kernels {fault.Family.Word()} or Gemma2__Kernels={fault.Family.Word()} uses it all the same.");

    /// <summary>Rows that are interleaved in weight matrices on a device: those that threads of a CPU driver take side by side, and none on a GPU.</summary>
    public static int TileRows(DeviceDescription device) => device.Kind == DeviceKind.Software ? device.SubgroupSize : 1;

    /// <summary>Records y = x W^T.</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="w">[rows, columns].</param>
    /// <param name="x">[rows of activations, columns].</param>
    /// <param name="y">[rows of activations, rows].</param>
    /// <param name="rows">Rows of activations.</param>
    public void Record(CommandRecorder commands, DeviceMatrix w, in Activation x, in Activation y, RowCounts rows)
    {
        CheckShapes(w, x, y);
        foreach ((IMatrixFamily family, int first, RowGroup group) in Shares(w.Layout, rows, matrices: 1))
        {
            foreach (MatrixPart part in w.Parts)
                family.Record(commands, w.Layout, part, x.From(first), y.From(first).Columns(part.FirstRow, part.Rows), group);
        }
    }

    /// <summary>Records u = gelu(x Wg^T) * (x Wu^T).</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="gate">[rows, columns].</param>
    /// <param name="up">The same in type and shape.</param>
    /// <param name="x">[rows of activations, columns].</param>
    /// <param name="u">[rows of activations, rows].</param>
    /// <param name="rows">Rows of activations.</param>
    public void RecordGeglu(CommandRecorder commands, DeviceMatrix gate, DeviceMatrix up, in Activation x, in Activation u, RowCounts rows)
    {
        CheckShapes(gate, x, u);
        CheckShapes(up, x, u);
        if (gate.Layout != up.Layout || gate.Parts.Count != up.Parts.Count) throw new ArgumentException("Gate and up do not lie alike.", nameof(up));
        foreach ((IMatrixFamily family, int first, RowGroup group) in Shares(gate.Layout, rows, matrices: 2))
        {
            for (int i = 0; i < gate.Parts.Count; i++)
            {
                MatrixPart part = gate.Parts[i];
                family.RecordGeglu(commands, gate.Layout, part, up.Parts[i], x.From(first), u.From(first).Columns(part.FirstRow, part.Rows), group);
            }
        }
    }

    /// <summary>The chosen families, best first.</summary>
    /// <param name="kind">Kind of the rows of activations.</param>
    public IReadOnlyList<KernelFamily> Order(RowKind kind) => kind == RowKind.Decoding ? _choice.DecodeOrder : _choice.PromptOrder;

    /// <summary>Uses a family no more, unless it was asked for by name: the next one computes what it did. Call before anything is recorded.</summary>
    /// <exception cref="DeviceException">It is the generic one, to which the others leave what they do not support.</exception>
    public void TurnOff(DriverQuirk fault)
    {
        _faults.Add(fault);
        if (fault.Family == KernelFamily.Generic)
            throw new DeviceException($"{Device.Name} cannot be used: {string.Join("; ", _faults.Select(each => $"the family of kernels {each.Family.Word()} {each.Text}"))}.");
        _choice = KernelChoice.For(Device with { Quirks = [.. Device.Quirks, .. _faults] }, Options);
    }

    /// <summary>A family's kernels, whether it was chosen or not.</summary>
    public IMatrixFamily Family(KernelFamily name)
    {
        if (!_families.TryGetValue(name, out IMatrixFamily? family)) _families.Add(name, family = _create(name));
        return family;
    }

    public void Dispose()
    {
        foreach (IMatrixFamily family in _families.Values) family.Dispose();
    }

    /// <summary>The best of the chosen families that does it; the last of them, the generic one, does everything.</summary>
    private IMatrixFamily Family(in WeightLayout layout, RowKind kind, int matrices)
    {
        foreach (KernelFamily name in Order(kind))
            if (Family(name) is { } family && family.Supports(layout, kind, matrices)) return family;
        return Family(KernelFamily.Generic);
    }

    /// <summary>Who multiplies which rows: one pass over the weights where one family does both kinds alike.</summary>
    private IEnumerable<(IMatrixFamily Family, int First, RowGroup Rows)> Shares(WeightLayout layout, RowCounts rows, int matrices)
    {
        IMatrixFamily prompt = Family(layout, RowKind.Prompt, matrices), decode = Family(layout, RowKind.Decoding, matrices);
        if (ReferenceEquals(prompt, decode) && prompt.TreatsKindsAlike)
        {
            yield return (prompt, 0, new RowGroup(RowKind.Prompt, rows.Total));
            yield break;
        }
        if (rows.Prompt > 0) yield return (prompt, 0, new RowGroup(RowKind.Prompt, rows.Prompt));
        if (rows.Decoding > 0) yield return (decode, rows.Prompt, new RowGroup(RowKind.Decoding, rows.Decoding));
    }

    private static IMatrixFamily Create(GpuDevice device, KernelFamily name) => name switch
    {
        KernelFamily.Cpu => new CpuMatrixFamily(device),
        KernelFamily.Generic => new GenericMatrixFamily(device),
        KernelFamily.Tiled => new TiledMatrixFamily(device),
        KernelFamily.Coopmat => new CooperativeMatrixFamily(device),
        KernelFamily.Int8 => new Int8MatrixFamily(device),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static void CheckShapes(DeviceMatrix w, in Activation x, in Activation y)
    {
        if (x.Width != w.Columns || y.Width != w.Rows)
            throw new ArgumentException($"[{w.Rows}, {w.Columns}] does not take {x.Width} to {y.Width}.", nameof(w));
    }
}
