using System.Globalization;
using Gemma2.Backend;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary>What <c>gemma2 devices --check --json</c> prints.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="Driver">Its driver.</param>
/// <param name="IsRight">Whether all kernels computed rightly.</param>
/// <param name="Kernels">What came of each.</param>
internal sealed record DeviceCheckReport(string Device, string Driver, bool IsRight, IReadOnlyList<KernelVerdict> Kernels)
{
    /// <summary>Checks a device and prints what came of it.</summary>
    /// <exception cref="DeviceException">There is no such device, or it computes wrongly.</exception>
    public static async Task RunAsync(string? device, KernelOptions options, bool json, CancellationToken cancellationToken)
    {
        var verdicts = new List<KernelVerdict>();
        DeviceDescription description = await LiveLine.RunAsync("checking kernels", line => Task.Run(() => DeviceCheck.Run(device, options, verdict =>
        {
            verdicts.Add(verdict);
            line?.Show($"{verdicts.Count} kernels checked", null);
        }, cancellationToken)));

        KernelVerdict[] wrong = [.. verdicts.Where(verdict => !verdict.IsRight)];
        if (json) StandardOutput.WriteJson(new DeviceCheckReport(description.Name, description.Driver, wrong.Length == 0, verdicts), CliJson.Document.DeviceCheckReport);
        else Print(description, verdicts);
        if (wrong.Length > 0) throw new DeviceException($"{wrong.Length} of {verdicts.Count} kernels are wrong on {description.Name}. The first: {wrong[0]}.");
    }

    private static void Print(DeviceDescription device, List<KernelVerdict> verdicts)
    {
        Console.WriteLine($"{device.Name}, {device.Driver}");
        Tables.Print(["kernel", "shape", "error", "allowed", "verdict"], verdicts.Select(verdict => (string[])
            [verdict.Kernel, verdict.Shape, Number(verdict.Error), Number(verdict.Allowed), verdict.Fault ?? "right"]));
    }

    private static string Number(double? number) => number?.ToString("0.0e+00", CultureInfo.InvariantCulture) ?? "";
}
