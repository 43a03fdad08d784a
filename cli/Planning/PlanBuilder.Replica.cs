using Gemma2.Backend.Engine;
using Gemma2.Cli.Planning.Rates;
using Gemma2.Cli.Planning.Settings;
using Gemma2.Cli.Planning.Simulation;

namespace Gemma2.Cli.Planning;

// What one replica is: whether the model fits, how fast it is, how long it takes to start.
internal sealed partial class PlanBuilder
{
    private const double Megabyte = 1e6;
    private const double Gigabyte = 1e9;
    private const double Tera = 1e12;

    // What blob storage may give a replica, in bytes a second.
    private static readonly double[] Links = [1e9, 2e9, 5e9];

    // 7 GB in 5 minutes.
    private const double ImageBytesASecond = 7e9 / 300;

    private void DescribeReplica(ModelShape model, WeightFormat format, Gpu gpu)
    {
        string stored = $"{format.Name} ({Figures.Short(format.BitsPerNumber)} bits each)";
        Note("model", $"Gemma 2 {model.Name}: {Figures.Count(model.Parameters)} parameters, {stored}", "published shape");
        string peak = $"{Figures.Short(gpu.Bandwidth / Gigabyte)} GB/s, {Figures.Short(gpu.PeakOperations / Tera)} TFLOPS";
        Note("GPU", $"{gpu.FullName}: {gpu.MemoryGigabytes} GB, {peak}", $"published: {gpu.Source}");
    }

    private void CheckMemory(ModelShape model, WeightFormat format, Gpu gpu, KvCacheType kv, int context, int sequences)
    {
        long weights = model.WeightBytes(format), cache = model.CacheBytes(context, kv), needed = weights + (sequences * cache);
        string caches = $"{sequences} x {Gigabytes(cache)} {kv.ToString().ToLowerInvariant()} cache of {context} tokens";
        string sum = $"{Gigabytes(weights)} weights + {caches} = {Gigabytes(needed)}";
        if (needed > gpu.UsableBytes)
        {
            throw new PlanException($"Gemma 2 {model.Name} as {format.Name} does not fit {gpu.FullName}: {sum}, and {Figures.Percent(Gpu.UsableShare)} of its "
                + $"{gpu.MemoryGigabytes} GB are {Gigabytes(gpu.UsableBytes)}. Choose a smaller type, kv, sequences or context, or a larger gpu.");
        }
        Note("GPU memory", $"{sum}; {Figures.Percent(Gpu.UsableShare)} of all, {Gigabytes(gpu.UsableBytes)}, may be used", "computed");
    }

    private RatesFile? ReadRates()
    {
        bool constant = _scenario.Has(PlanSettings.PromptRate) || _scenario.Has(PlanSettings.DecodeRate), hasFile = _scenario.Has(PlanSettings.RatesFile);
        if (constant && hasFile) throw new PlanException("rates is a file with all rates: give it, or prompt_rate and decode_rate, not both.");
        if ((constant || hasFile) && _scenario.Has(PlanSettings.Efficiency))
            throw new PlanException("efficiency is for plans without rates: it is a share of the GPU's published peak.");
        return _scenario.TryGet(PlanSettings.RatesFile, out string? file) ? RatesFile.Parse(PlanFile.ReadText(file), file) : null;
    }

    private RatesUsed Rates(RatesFile? file, Roofline roofline, RequestLengths lengths, int sequences)
    {
        RatesUsed rates = file is not null ? RatesUsed.Of(file)
            : _scenario.Has(PlanSettings.PromptRate) || _scenario.Has(PlanSettings.DecodeRate)
                ? RatesUsed.Given(_scenario.Require(PlanSettings.PromptRate), _scenario.Require(PlanSettings.DecodeRate))
                : RatesUsed.Bound(roofline, lengths, sequences);
        foreach (int n in new[] { 1, sequences }.Distinct())
        {
            RatePoint point = rates.Table.At(n);
            string value = $"{Figures.Short(point.PromptTokensPerSecond)} prompt or {Figures.Short(point.DecodeTokensPerSecond)} new tokens/s, all together";
            Note(n == 1 ? "rates of one sequence" : $"rates of {n} sequences", value, rates.Source);
        }
        int last = rates.Table.Points[^1].Sequences;
        if (file is not null && last < sequences) Note($"more than {last} sequences", $"as fast as {last}, all together", "assumed");
        return rates;
    }

    private double ColdStart(RatesFile? file, Gpu gpu, long weightBytes)
    {
        Setting[] parts =
            [PlanSettings.PlatformStart, PlanSettings.ImageSize, PlanSettings.ImagePull, PlanSettings.DriverInstall, PlanSettings.LoadRate, PlanSettings.Startup];
        bool hasParts = parts.Any(_scenario.Has);
        if (_scenario.TryGet(PlanSettings.ColdStart, out double given))
        {
            if (hasParts) throw new PlanException("cold_start is all of it: give it, or its parts platform_start, image_size, image_pull, driver_install, load_rate and startup, not both.");
            Note("cold start", Figures.Duration(given), "given");
            return given;
        }
        if (!hasParts && file?.ColdStartSeconds is { } ofFile)
        {
            Note("cold start", Figures.Duration(ofFile), RatesUsed.Of(file).Source);
            return ofFile;
        }

        double platform = Take(PlanSettings.PlatformStart, 22, "cold start: platform", Figures.Duration, "a user's report: microsoft/azure-container-apps#997");
        double image = ImagePull();
        double driver = Take(
            PlanSettings.DriverInstall, 5, "cold start: GPU driver", Figures.Duration, "assumed: 0.1 GB from storage, unpacked, and two looks for the GPU");
        StartupTimes app = App();
        double rate = Take(
            PlanSettings.LoadRate, (app.BytesPerSecond ?? gpu.NetworkBandwidth) / Megabyte, "cold start: weights from storage", value => $"{Figures.Short(value)} MB/s",
            app.BytesPerSecond is null ? $"bound: network in {gpu.NetworkSource}" : app.Source) * Megabyte;
        double seconds = At(rate);
        Note("cold start", $"{Figures.Duration(seconds)}, {Figures.Duration(weightBytes / rate)} of it for {Gigabytes(weightBytes)} of weights", "computed");
        Note("cold start by link", string.Join(", ", Links.Select(link => $"{Figures.Duration(At(link))} at {Figures.Short(link / Gigabyte)} GB/s")), "computed");
        return seconds;

        double At(double bytesPerSecond) => platform + image + driver + app.Seconds(weightBytes / bytesPerSecond);
    }

    private StartupTimes App()
    {
        if (!_scenario.TryGet(PlanSettings.Startup, out string? file)) return new StartupTimes("", 0, 0, 0, null);
        var app = StartupTimes.Read(file);
        string beside = app.BesideSeconds > 0 ? $", {Figures.Duration(app.BesideSeconds)} beside them" : "";
        Note("cold start: the app", $"{Figures.Duration(app.BeforeSeconds)} before its weights{beside}, {Figures.Duration(app.AfterSeconds)} after them", app.Source);
        return app;
    }

    private double ImagePull()
    {
        if (_scenario.Has(PlanSettings.ImageSize) && _scenario.Has(PlanSettings.ImagePull))
            throw new PlanException("image_pull is the time that an image of image_size takes: give one of them, not both.");
        double megabytes = _scenario.Get(PlanSettings.ImageSize, 500);
        return Take(
            PlanSettings.ImagePull, megabytes * Megabyte / ImageBytesASecond, "cold start: image", Figures.Duration,
            $"{Figures.Short(megabytes)} MB{(_scenario.Has(PlanSettings.ImageSize) ? "" : ", assumed,")} at a user's rate: microsoft/azure-container-apps#1111");
    }

    private static string Gigabytes(long bytes) => $"{Figures.Short(bytes / Gigabyte)} GB";
}
