using System.Runtime.CompilerServices;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors.Packing;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>
/// Lets the families that were chosen multiply a few seeded matrices, each in the kernels that the model will run, before a model is loaded: a driver that computes
/// something else than a shader says is found at the start, not in the answers. A family that is off is turned off, and the next one is tried in its place. A family
/// that was asked for by name is not tried: it is used whatever it computes.
/// </summary>
/// <param name="device">The device that multiplies.</param>
/// <param name="kernels">The families.</param>
internal sealed class FamilyCheck(GpuDevice device, MatrixKernels kernels)
{
    /// <summary>Columns of what prompts multiply: a whole block of every type. Kernels for prompts are the same for any width.</summary>
    private const int PromptColumns = 256;

    /// <summary>Rows of activations in a prompt, and rows of all matrices together that give each size of a family's tiles work; no tile is full at the end.</summary>
    internal const int PromptTokens = StepLimits.PromptRows - 3;
    internal static readonly int[] PromptRows = [DecodeRows, 4093, 8197];

    private const int DecodeRows = 61;
    private static readonly int[] _decodeTokens = [1, 5, 11];

    private readonly WeightLayout _anyLayout = new(default, 0, MatrixKernels.TileRows(kernels.Device));

    /// <summary>As <see cref="Run"/>, unless the same passed before on this device, by this driver and in this build.</summary>
    /// <param name="uses">What the model multiplies.</param>
    /// <param name="memory">Remembers what passed.</param>
    /// <param name="cancellationToken">Stops between two products.</param>
    /// <exception cref="DeviceException">No family is left that computes rightly, or the device failed.</exception>
    public void RunOnce(IReadOnlyList<MatrixUse> uses, CheckMemory memory, CancellationToken cancellationToken = default)
    {
        string check = $"{kernels.Device.Name}; {kernels.Device.Driver}; {kernels.Options.Forced}; {string.Join(',', kernels.Options.TurnedOff)}; {string.Join(',', uses)}";
        if (memory.HasPassed(check)) return;
        Run(uses, cancellationToken);
        if (kernels.Faults.Count == 0) memory.Remember(check);
    }

    /// <summary>Tries all that a model multiplies.</summary>
    /// <param name="uses">What the model multiplies.</param>
    /// <param name="cancellationToken">Stops between two products.</param>
    /// <exception cref="DeviceException">No family is left that computes rightly, or the device failed.</exception>
    public void Run(IEnumerable<MatrixUse> uses, CancellationToken cancellationToken = default)
    {
        Trial[] trials = [.. uses.SelectMany(use => Trials(use, kernels.Device.Kind == DeviceKind.Software))];
        // Each fault leaves one family less, and without the last one there is no choice.
        while (trials.Select(trial => FindFault(trial, cancellationToken)).FirstOrDefault(fault => fault is not null) is { } fault) kernels.TurnOff(fault);
    }

    /// <summary>What a use of matrices is tried with.</summary>
    /// <param name="use">The use.</param>
    /// <param name="isSoftware">On CPU drivers kernels have no tiles, but differ with the width.</param>
    internal static IEnumerable<Trial> Trials(MatrixUse use, bool isSoftware = false)
    {
        var decoded = new SeededProduct(use, _decodeTokens.Max());
        foreach (int tokens in _decodeTokens) yield return new Trial(decoded, DecodeRows, new RowGroup(RowKind.Decoding, tokens));
        if (!use.TakesPrompts) yield break;
        var prompt = new SeededProduct(isSoftware ? use : use with { Columns = Math.Min(use.Columns, PromptColumns) }, PromptTokens);
        foreach (int rows in isSoftware ? PromptRows[..1] : PromptRows) yield return new Trial(prompt, rows / use.Matrices, new RowGroup(RowKind.Prompt, PromptTokens));
    }

    /// <summary>What is wrong with a family's product; null when it is right.</summary>
    /// <exception cref="DeviceException">The device failed.</exception>
    internal string? FindFault(KernelFamily name, IMatrixFamily family, Trial trial) => Try(name, family, trial).Fault is { } fault ? $"{trial} {fault}" : null;

    /// <summary>Lets a family compute a product.</summary>
    /// <exception cref="DeviceException">The device failed.</exception>
    internal KernelVerdict Try(KernelFamily name, IMatrixFamily family, Trial trial)
    {
        (SeededProduct product, int rows, RowGroup group) = trial;
        int tokens = group.Count;
        WeightLayout layout = LayoutOf(trial);
        Activation y = new(0, rows);
        using GpuBuffer x = Upload<float>(product.X), results = device.Allocate((long)tokens * y.Stride * sizeof(float), MemoryKind.Readback, "a trial product");
        GpuBuffer[] weights = device.Make<GpuBuffer[]>(() => [.. product.Pack(layout, rows).Select(bytes => Upload<byte>(bytes))]);
        using CommandRecorder commands = device.CreateRecorder();
        try
        {
            Span<float> computed = results.Span<float>(0, tokens * y.Stride);
            computed.Fill(float.NaN);
            y = y with { Address = results.Address };
            MatrixPart[] parts = [.. weights.Select(buffer => new MatrixPart(buffer.Address, 0, rows))];
            var activations = new Activation(x.Address, layout.Columns);
            commands.Begin();
            if (product.Use.IsGated) family.RecordGeglu(commands, layout, parts[0], parts[1], activations, y, group);
            else family.Record(commands, layout, parts[0], activations, y, group);
            commands.SubmitAndWait();
            var comparison = new Comparison();
            Compare(comparison, trial, computed, y.Stride, Tolerance(name));
            return KernelVerdict.Of(NameOf(name, trial), trial.ToString(), comparison);
        }
        finally
        {
            foreach (GpuBuffer buffer in weights) buffer.Dispose();
        }
    }

    /// <summary>Lets every family that may be chosen compute a use of matrices.</summary>
    internal IEnumerable<KernelVerdict> TryAll(MatrixUse use)
    {
        foreach (Trial trial in Trials(use, kernels.Device.Kind == DeviceKind.Software))
            foreach (KernelFamily name in kernels.Order(trial.Activations.Kind).Distinct())
                if (TryIfSupported(name, trial) is { } verdict) yield return verdict;
    }

    /// <returns>Null where the family leaves it to others.</returns>
    private KernelVerdict? TryIfSupported(KernelFamily name, Trial trial)
    {
        try
        {
            IMatrixFamily family = kernels.Family(name);
            return family.Supports(LayoutOf(trial), trial.Activations.Kind, trial.Product.Use.Matrices) ? Try(name, family, trial) : null;
        }
        catch (DeviceException error)
        {
            return KernelVerdict.Failed(NameOf(name, trial), trial.ToString(), error);
        }
    }

    private DriverQuirk? FindFault(Trial trial, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        foreach (KernelFamily name in kernels.Order(trial.Activations.Kind))
        {
            if (name == kernels.Options.Forced) return null;
            try
            {
                IMatrixFamily family = kernels.Family(name);
                if (!family.Supports(LayoutOf(trial), trial.Activations.Kind, trial.Product.Use.Matrices)) continue;
                return FindFault(name, family, trial) is { } fault ? new DriverQuirk(name, $"computes wrongly on this driver: {fault}") : null;
            }
            catch (DeviceException error)
            {
                return new DriverQuirk(name, $"fails on this driver: {error.Message}");
            }
        }
        return null;
    }

    private static string NameOf(KernelFamily name, Trial trial) => $"matrices, {(trial.Activations.Kind == RowKind.Prompt ? "prompt" : "decode")} {name.Word()}";

    private WeightLayout LayoutOf(Trial trial) => _anyLayout with { Type = trial.Product.Use.Type, Columns = trial.Product.Use.Columns };

    private GpuBuffer Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        GpuBuffer buffer = device.Allocate(values.Length * (long)Unsafe.SizeOf<T>(), MemoryKind.Upload, "a trial product");
        values.CopyTo(buffer.Span<T>(0, values.Length));
        return buffer;
    }

    private static void Compare(Comparison comparison, Trial trial, ReadOnlySpan<float> computed, int stride, double tolerance)
    {
        (SeededProduct product, int rows, (_, int tokens)) = trial;
        Span<(double Value, double Bound)> expected = stackalloc (double, double)[SeededProduct.DistinctRows];
        for (int token = 0; token < tokens; token++)
        {
            for (int i = 0; i < expected.Length; i++) expected[i] = product.Expect(token, i, tolerance);
            ReadOnlySpan<float> line = computed.Slice(token * stride, stride);
            for (int row = 0; row < rows; row++)
            {
                (double value, double bound) = expected[row % SeededProduct.DistinctRows];
                comparison.Add(line[row], value, bound, token, row);
            }
            comparison.AddPadding(line[rows..], token);
        }
    }

    /// <summary>Error of a sum that rounding explains, as <see cref="SeededProduct.Expect"/> takes it.</summary>
    private static double Tolerance(KernelFamily family) => family switch
    {
        KernelFamily.Coopmat => 1e-3, // Both factors have 11 bits.
        KernelFamily.Int8 => 1e-4, // Activations have 16 bits beside the largest of their 32.
        _ => 1e-5,
    };

    /// <summary>A product that a family shall compute.</summary>
    /// <param name="Product">Its numbers.</param>
    /// <param name="Rows">Of each matrix.</param>
    /// <param name="Activations">The first so many rows of activations, of a kind.</param>
    internal readonly record struct Trial(SeededProduct Product, int Rows, RowGroup Activations)
    {
        public override string ToString() => $"{Activations.Count} x {Product.Use.Columns} by {Rows} x {Product.Use.Columns} in {(Product.Use.IsGated ? "gated " : "")}{Product.Use.Type}";
    }
}
