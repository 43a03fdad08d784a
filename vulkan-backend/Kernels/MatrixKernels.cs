using Gemma2.Backend.Device;
using Gemma2.Backend.Weights.Packing;

namespace Gemma2.Backend.Kernels;

/// <summary>Products with weight matrices, by the families of kernels that were chosen for the device.</summary>
internal sealed class MatrixKernels : IDisposable
{
    /// <summary>Most rows of activations that decoding multiplies at once, in one pass over the weights.</summary>
    public const int MaxDecodeRows = 8;

    private readonly Dictionary<KernelFamily, IMatrixFamily> _families = [];
    private readonly KernelChoice _choice;
    private readonly GpuDevice _device;

    /// <param name="device">The device that multiplies.</param>
    /// <param name="options">Which families may be used.</param>
    /// <exception cref="DeviceException">No family is left.</exception>
    public MatrixKernels(GpuDevice device, KernelOptions options)
    {
        _device = device;
        _choice = KernelChoice.For(device.Description, options);
    }

    /// <summary>Rows that are interleaved in weight matrices on a device: those that threads of a CPU driver take side by side, and none on a GPU.</summary>
    public static int TileRows(DeviceDescription device) => device.Kind == DeviceKind.Software ? 8 : 1;

    /// <summary>Records y = x W^T.</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="w">[rows, columns].</param>
    /// <param name="x">[count, columns].</param>
    /// <param name="y">[count, rows].</param>
    /// <param name="count">Rows of activations.</param>
    public void Record(CommandRecorder commands, DeviceMatrix w, in Activation x, in Activation y, int count)
    {
        CheckShapes(w, x, y);
        IMatrixFamily family = Family(w.Layout, count);
        for (int i = 0; i < w.Parts.Count; i++)
        {
            MatrixPart part = w.Parts[i];
            family.Record(commands, w.Layout, part, x, y.Columns(part.FirstRow, part.Rows), count);
        }
    }

    /// <summary>Records u = gelu(x Wg^T) * (x Wu^T).</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="gate">[rows, columns].</param>
    /// <param name="up">The same in type and shape.</param>
    /// <param name="x">[count, columns].</param>
    /// <param name="u">[count, rows].</param>
    /// <param name="count">Rows of activations.</param>
    public void RecordGeglu(CommandRecorder commands, DeviceMatrix gate, DeviceMatrix up, in Activation x, in Activation u, int count)
    {
        CheckShapes(gate, x, u);
        CheckShapes(up, x, u);
        if (gate.Layout != up.Layout || gate.Parts.Count != up.Parts.Count) throw new ArgumentException("Gate and up do not lie alike.", nameof(up));
        IMatrixFamily family = Family(gate.Layout, count);
        for (int i = 0; i < gate.Parts.Count; i++)
        {
            MatrixPart part = gate.Parts[i];
            family.RecordGeglu(commands, gate.Layout, part, up.Parts[i], x, u.Columns(part.FirstRow, part.Rows), count);
        }
    }

    public void Dispose()
    {
        foreach (IMatrixFamily family in _families.Values) family.Dispose();
    }

    /// <summary>The best of the chosen families that does it; the last of them, the generic one, does everything.</summary>
    private IMatrixFamily Family(in WeightLayout layout, int count)
    {
        foreach (KernelFamily name in count <= MaxDecodeRows ? _choice.DecodeOrder : _choice.PromptOrder)
            if (Family(name) is { } family && family.Supports(layout, count)) return family;
        return Family(KernelFamily.Generic);
    }

    private IMatrixFamily Family(KernelFamily name)
    {
        if (_families.TryGetValue(name, out IMatrixFamily? family)) return family;
        family = name switch
        {
            KernelFamily.Cpu => new CpuMatrixFamily(_device),
            KernelFamily.Generic => new GenericMatrixFamily(_device),
            KernelFamily.Tiled => new TiledMatrixFamily(_device),
            KernelFamily.Coopmat => new CooperativeMatrixFamily(_device),
            KernelFamily.Int8 => new Int8MatrixFamily(_device),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
        _families.Add(name, family);
        return family;
    }

    private static void CheckShapes(DeviceMatrix w, in Activation x, in Activation y)
    {
        if (x.Width != w.Columns || y.Width != w.Rows)
            throw new ArgumentException($"[{w.Rows}, {w.Columns}] does not take {x.Width} to {y.Width}.", nameof(w));
    }
}
