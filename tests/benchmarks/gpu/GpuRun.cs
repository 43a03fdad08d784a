namespace Gemma2.Benchmarks.Gpu;

/// <summary>Everything in order: what must be right first, then what is fast, small models before large ones.</summary>
/// <param name="settings">How much.</param>
/// <param name="budget">How long.</param>
internal sealed class GpuRun(RunSettings settings, TimeBudget budget)
{
    // Of all the time, for the tests together.
    private const double TestsShare = 0.4;

    /// <summary>Runs all parts and writes the tables.</summary>
    /// <exception cref="InvalidOperationException">There is no device to measure.</exception>
    public async Task<string> MeasureAsync()
    {
        Device device = await Device.FindAsync(budget);
        if (device.IsSoftware && !settings.IsSoftware)
            throw new InvalidOperationException($"The only device is {device.Name}, which is a CPU; --software tries the script on it.");
        var tables = new GpuTables(device, settings);
        tables.AddDevices(await Device.DescribeAsync(budget));

        var measuringTime = TimeSpan.FromSeconds(budget.Left.TotalSeconds * (1 - TestsShare));
        foreach (TestGroup group in TestClasses.All)
        {
            double left = Math.Max(0, (budget.Left - measuringTime).TotalSeconds);
            tables.Add(group, await TestClasses.RunAsync(group, TimeSpan.FromSeconds(Math.Min(left, settings.TestSeconds))));
        }
        foreach (string shape in settings.Shapes) await MeasureAsync(new Model(shape, settings, device.Index, budget), device, tables);
        return tables.ToMarkdown();
    }

    private static async Task MeasureAsync(Model model, Device device, GpuTables tables)
    {
        try
        {
            if (await model.SynthesizeAsync(device.MemoryBytes) is { } reason)
            {
                tables.AddMissing(model.Shape, reason);
                return;
            }
            Measured one = await model.MeasureOneAsync(), widths = await model.MeasureWidthsAsync(), peer = await model.MeasurePeerAsync();
            tables.Add(model.Shape, one, widths, peer);
        }
        finally
        {
            model.Delete();
        }
    }
}
