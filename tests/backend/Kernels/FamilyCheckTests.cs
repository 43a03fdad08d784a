using Gemma2.Backend.Device;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Tensors.Packing;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>The check of matrix kernels at the start: right families pass it, wrong ones are turned off, and without a right one there is no start.</summary>
public sealed class FamilyCheckTests(DeviceFixture fixture) : KernelTest(fixture)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly MatrixUse _plain = new(TensorType.Q4_K, 512, IsGated: false, TakesPrompts: true);
    private static readonly MatrixUse[] _uses = [_plain, _plain with { IsGated = true }, new(TensorType.F16, 47, IsGated: false, TakesPrompts: false)];

    public static TheoryData<KernelFamily> Families => [.. Enum.GetValues<KernelFamily>()];

    /// <summary>How a family may be wrong.</summary>
    public enum Fault
    {
        LosesTheLastToken,
        LosesTheLastRow,
        SwapsGateAndUp,
        WritesTooFar,
        Throws,
    }

    /// <summary>The device as if it were a GPU, for which other families are chosen.</summary>
    private DeviceDescription Gpu => Device.Description with { Kind = DeviceKind.Discrete, Capabilities = Device.Description.Capabilities with { CooperativeMatrixShapes = [] } };

    [Theory]
    [MemberData(nameof(Families))]
    public void FindFault_FamilyThatComputesRightly_IsNull(KernelFamily name)
    {
        MatrixKernels kernels = ForcedKernels(name);
        var check = new FamilyCheck(Device, kernels);
        TensorType[] types = name == KernelFamily.Cpu ? [TensorType.BF16, TensorType.Q4_K] : [TensorType.F32, TensorType.BF16, TensorType.Q4_K, TensorType.Q6_K];
        int tried = 0;
        foreach (TensorType type in types)
        {
            foreach (FamilyCheck.Trial trial in FamilyCheck.Trials(new MatrixUse(type, 768, type == TensorType.Q4_K, TakesPrompts: true)))
            {
                var layout = new WeightLayout(type, trial.Product.Use.Columns, MatrixKernels.TileRows(Device.Description));
                if (!kernels.Family(name).Supports(layout, trial.Activations.Kind, trial.Product.Use.Matrices)) continue;
                if (name == KernelFamily.Coopmat && trial.Rows > 100) continue; // CPU drivers take minutes to compile its larger tiles.
                Assert.Null(check.FindFault(name, kernels.Family(name), trial));
                tried++;
            }
        }
        Assert.True(tried >= 3, $"{tried} trials");
    }

    [Fact]
    public void Trials_OfPrompts_TakeEveryTileOfEveryFamily()
    {
        foreach (IReadOnlyList<MatrixTile> tiles in new[] { TiledMatrixFamily.Tiles, CooperativeMatrixFamily.Tiles, Int8MatrixFamily.Tiles })
        {
            foreach (bool isGated in new[] { false, true })
            {
                FamilyCheck.Trial[] prompts = [.. FamilyCheck.Trials(_plain with { IsGated = isGated }).Where(trial => trial.Activations.Kind == RowKind.Prompt)];
                Assert.Equal(tiles.ToHashSet(), prompts.Select(trial => MatrixTile.Choose(tiles, trial.Activations.Count, trial.Rows * (isGated ? 2 : 1))).ToHashSet());
                Assert.All(tiles, tile => Assert.All(prompts, trial => Assert.False(trial.Activations.Count % tile.Tokens == 0 || trial.Rows % tile.Rows == 0)));
            }
        }
    }

    [Theory]
    [InlineData(DeviceKind.Software)]
    [InlineData(DeviceKind.Discrete)]
    public void Run_ChosenFamilies_AreKept(DeviceKind kind)
    {
        MatrixKernels kernels = Kernels(Gpu with { Kind = kind });
        IReadOnlyList<KernelFamily> before = kernels.Order(RowKind.Prompt);

        new FamilyCheck(Device, kernels).Run(_uses, Cancellation);

        Assert.Empty(kernels.Faults);
        Assert.Equal(before, kernels.Order(RowKind.Prompt));
    }

    [Theory]
    [InlineData(Fault.LosesTheLastToken)]
    [InlineData(Fault.LosesTheLastRow)]
    [InlineData(Fault.SwapsGateAndUp)]
    [InlineData(Fault.WritesTooFar)]
    [InlineData(Fault.Throws)]
    public void Run_WrongFamily_IsTurnedOffForTheNextAndNamedInOneLine(Fault fault)
    {
        MatrixKernels kernels = Kernels(Gpu, wrong: KernelFamily.Tiled, fault);
        Assert.Equal([KernelFamily.Tiled, KernelFamily.Generic], kernels.Order(RowKind.Prompt));

        new FamilyCheck(Device, kernels).Run(_uses, Cancellation);

        Assert.Equal([KernelFamily.Generic], kernels.Order(RowKind.Prompt));
        DriverQuirk found = Assert.Single(kernels.Faults);
        Assert.Equal(KernelFamily.Tiled, found.Family);
        Assert.Contains(fault == Fault.Throws ? "fails on this driver: no memory" : "computes wrongly on this driver: 253 x 256 by", found.Text, StringComparison.Ordinal);
        string warning = Assert.Single(kernels.Warnings);
        Assert.StartsWith($"The tiled kernels are not used on {Device.Description.Name}: the family {found.Text}", warning, StringComparison.Ordinal);
        Assert.EndsWith("Gemma2__Kernels=tiled uses it all the same.", warning, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', warning);
        // What the wrong family did, the next one does: rightly.
        CheckProduct(kernels);
    }

    [Fact]
    public void RunOnce_RightFamilies_AreNotTriedAgain()
    {
        var memory = new CheckMemory(null);
        new FamilyCheck(Device, Kernels(Gpu)).RunOnce(_uses, memory, Cancellation);
        MatrixKernels wrong = Kernels(Gpu, wrong: KernelFamily.Tiled, Fault.LosesTheLastRow);

        new FamilyCheck(Device, wrong).RunOnce(_uses, memory, Cancellation);
        Assert.Empty(wrong.Faults);

        // Another use was not tried yet.
        new FamilyCheck(Device, wrong).RunOnce([_plain with { Type = TensorType.Q8_0 }], memory, Cancellation);
        Assert.Single(wrong.Faults);
    }

    [Fact]
    public void RunOnce_WrongFamily_IsFoundEachTime()
    {
        var memory = new CheckMemory(null);
        for (int start = 0; start < 2; start++)
        {
            MatrixKernels kernels = Kernels(Gpu, wrong: KernelFamily.Tiled, Fault.LosesTheLastRow);

            new FamilyCheck(Device, kernels).RunOnce(_uses, memory, Cancellation);

            Assert.Single(kernels.Faults);
        }
    }

    [Theory]
    [InlineData(Fault.LosesTheLastToken)]
    [InlineData(Fault.Throws)]
    public void Run_WrongGenericFamily_IsRefusedInOneLine(Fault fault)
    {
        MatrixKernels kernels = Kernels(Gpu, wrong: KernelFamily.Generic, fault);

        var error = Assert.Throws<DeviceException>(() => new FamilyCheck(Device, kernels).Run(_uses, Cancellation));

        Assert.StartsWith($"{Device.Description.Name} cannot be used: the family of kernels generic", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Run_WrongFamilyThatWasAskedFor_IsUsedAllTheSame()
    {
        MatrixKernels kernels = Kernels(Gpu, wrong: KernelFamily.Tiled, Fault.LosesTheLastRow, new KernelOptions { Forced = KernelFamily.Tiled });

        new FamilyCheck(Device, kernels).Run(_uses, Cancellation);

        Assert.Empty(kernels.Faults);
        Assert.Equal(KernelFamily.Tiled, kernels.Order(RowKind.Prompt)[0]);
    }

    [Fact]
    public async Task Of_QuantizedModel_HasEveryTypeAndWidthOnce()
    {
        await using OpenModel model = await ModelReader.OpenAsync(
            new FileModelSource(GoldenGguf.Open("k256/Q4_K_M").File), TestContext.Current.CancellationToken);

        IReadOnlyList<MatrixUse> uses = MatrixUses.Of(model.Config, model.Tensors);

        Assert.Equal(uses.Distinct(), uses);
        Assert.Contains(new MatrixUse(TensorType.Q6_K, model.Config.HiddenSize, IsGated: false, TakesPrompts: false), uses); // the embedding
        Assert.Contains(new MatrixUse(TensorType.Q4_K, model.Config.HiddenSize, IsGated: true, TakesPrompts: true), uses);
        Assert.Contains(uses, use => use.Columns == model.Config.IntermediateSize);
    }

    private MatrixKernels Kernels(DeviceDescription description, KernelFamily? wrong = null, Fault fault = default, KernelOptions? options = null)
    {
        // The generic family stands in for the wrong one: what it is called decides when it is chosen.
        IMatrixFamily Create(KernelFamily name) =>
            name == wrong ? new WrongFamily(new GenericMatrixFamily(Device), fault)
            : name == KernelFamily.Cpu ? new CpuMatrixFamily(Device)
            : name == KernelFamily.Tiled ? new TiledMatrixFamily(Device)
            : new GenericMatrixFamily(Device);
        return Own(new MatrixKernels(description, options ?? KernelOptions.Default, Create));
    }

    private void CheckProduct(MatrixKernels kernels)
    {
        const int rows = 33, columns = 256, count = 20;
        TestMatrix weights = TestMatrix.Random(Random, TensorType.Q8_0, rows, columns);
        float[] x = RandomNumbers(count * columns);
        Activation y = PoisonedRows(count, rows);
        Run(commands => kernels.Record(commands, Upload(weights, MatrixKernels.TileRows(Device.Description)), UploadRows(x, columns), y, RowCounts.Of(RowKind.Prompt, count)));
        AssertClose(Oracle.Multiply(weights.Values, x, rows, columns).Product, ReadRows(y, count), _ => 1e-3);
    }

    private sealed class WrongFamily(IMatrixFamily right, Fault fault) : IMatrixFamily
    {
        public bool TreatsKindsAlike => right.TreatsKindsAlike;

        public bool Supports(in WeightLayout layout, RowKind kind, int matrices) => right.Supports(layout, kind, matrices);

        public void Record(CommandRecorder commands, in WeightLayout layout, in MatrixPart w, in Activation x, in Activation y, RowGroup rows)
        {
            if (fault == Fault.Throws) throw new DeviceException("no memory");
            (MatrixPart part, RowGroup kept) = (Part(w), Kept(rows));
            right.Record(commands, layout, part, x, y, kept);
            if (fault == Fault.WritesTooFar) right.Record(commands, layout, part with { Rows = 1 }, x, y.Columns(y.Width, 1), kept);
        }

        public void RecordGeglu(
            CommandRecorder commands, in WeightLayout layout, in MatrixPart gate, in MatrixPart up, in Activation x, in Activation u, RowGroup rows)
        {
            bool swaps = fault == Fault.SwapsGateAndUp;
            right.RecordGeglu(commands, layout, Part(swaps ? up : gate), Part(swaps ? gate : up), x, u, Kept(rows));
        }

        public void Dispose() => right.Dispose();

        private RowGroup Kept(RowGroup rows) => fault == Fault.LosesTheLastToken && rows.Count > 1 ? rows with { Count = rows.Count - 1 } : rows;

        private MatrixPart Part(MatrixPart part) => fault == Fault.LosesTheLastRow ? part with { Rows = part.Rows - 1 } : part;
    }
}
