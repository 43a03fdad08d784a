using System.CommandLine;
using System.Globalization;
using Gemma2.Backend;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 devices</c>: every Vulkan device, and which one would be used; with <c>--check</c>, whether one computes rightly.</summary>
internal static class DevicesCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<bool> json = Shared.Json();
        Option<KernelOptions?> kernels = Shared.Kernels();
        Option<bool> check = new("--check") { Description = "Let every kernel of one device compute something known, in all shapes, and compare. Takes minutes." };
        Option<string?> device = Shared.Device();
        var command = new Command("devices", "List the Vulkan devices, say which one would be used with which kernels, and why.") { check, device, kernels, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(device) is not null && result.GetResult(check) is null) result.AddError("--device is for --check: all devices are listed.");
        });
        command.SetAction((parse, cancellationToken) =>
        {
            KernelOptions options = parse.GetValue(kernels) ?? KernelOptions.Default;
            if (parse.GetValue(check)) return DeviceCheckReport.RunAsync(parse.GetValue(device), options, parse.GetValue(json), cancellationToken);
            DeviceReport report = Look(options);
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.DeviceReport);
            else Print(report);
            return Task.CompletedTask;
        });
        return command;
    }

    private static DeviceReport Look(KernelOptions options)
    {
        IReadOnlyList<DeviceDescription> devices = VulkanDevices.List();
        IReadOnlyList<KernelReport> kernels = [.. devices.Select(device => Kernels(device, options))];
        try
        {
            DeviceChoice choice = VulkanDevices.Choose(devices, wanted: null, allowSoftware: true);
            return new DeviceReport(devices, kernels, choice.Device.Index, choice.Reason);
        }
        catch (DeviceException none)
        {
            return new DeviceReport(devices, kernels, null, none.Message);
        }
    }

    private static KernelReport Kernels(DeviceDescription device, KernelOptions options)
    {
        try
        {
            return new KernelReport(device.Index, KernelChoice.For(device, options), null);
        }
        catch (DeviceException none)
        {
            return new KernelReport(device.Index, null, none.Message);
        }
    }

    private static void Print(DeviceReport report)
    {
        foreach ((DeviceDescription device, KernelReport kernels) in report.Devices.Zip(report.Kernels))
        {
            Tables.Print([device.Index.ToString(CultureInfo.InvariantCulture), device.Name], [.. Facts(device), .. Facts(kernels)]);
            Console.WriteLine();
        }
        Console.WriteLine(report.Selected is { } index ? $"Without --device, {index} is used: {report.Reason}." : report.Reason);
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(DeviceDescription device)
    {
        yield return ["type", device.Kind.ToString().ToLowerInvariant()];
        yield return ["driver", device.Driver];
        yield return ["Vulkan", device.ApiVersion];
        yield return ["memory", $"{Sizes.Describe(device.MemoryBytes)}, at most {Sizes.Describe(device.MaxAllocationBytes)} in one piece"];
        DeviceCapabilities can = device.Capabilities;
        yield return ["subgroup size", $"{device.SubgroupSize}, from {can.SmallestSubgroup} to {can.LargestSubgroup}"];
        yield return ["workgroup", $"{Sizes.Describe(can.SharedMemoryBytes)} of shared memory, at most {can.WorkgroupThreads} threads"];
        yield return ["cooperative matrix", device.CooperativeMatrix
            ? string.Join(", ", can.CooperativeMatrixShapes.Select(shape => $"{shape.M} x {shape.N} x {shape.K}")) + " of float16 to float32"
            : "no"];
        yield return ["integer dot product", can.IntegerDotProduct ? can.IntegerDotProductAccelerated ? "yes, accelerated" : "yes" : "no"];
        yield return ["float16", can.Float16 ? "yes" : "no"];
        yield return ["int16", can.ShortIntegers ? "yes" : "no"];
        yield return ["small storage", can.Storage8Bit ? can.Storage16Bit ? "8 and 16 bits" : "8 bits" : can.Storage16Bit ? "16 bits" : "no"];
        yield return ["timestamps", can.TimestampNanoseconds is { } ticks ? string.Create(CultureInfo.InvariantCulture, $"every {ticks:0.###} ns") : "no"];
        foreach (DriverQuirk quirk in device.Quirks) yield return ["driver fault", $"{quirk.Family.ToString().ToLowerInvariant()}: {quirk.Reason} ({quirk.Link})"];
        yield return ["usable", device.IsUsable ? "yes" : $"no, it lacks {string.Join(", ", device.Missing)}"];
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(KernelReport kernels)
    {
        if (kernels.Error is { } error) yield return ["kernels", error];
        foreach (KernelFamilyState state in kernels.Choice?.Families ?? [])
            yield return [$"{state.Family.ToString().ToLowerInvariant()} kernels", state.Reason];
    }
}

/// <summary>What <c>gemma2 devices --json</c> prints.</summary>
/// <param name="Devices">Every device.</param>
/// <param name="Kernels">Which kernels each of them would run, in the same order.</param>
/// <param name="Selected">Index of the device that would be used; null when none can be.</param>
/// <param name="Reason">Why that one, or why none.</param>
internal sealed record DeviceReport(IReadOnlyList<DeviceDescription> Devices, IReadOnlyList<KernelReport> Kernels, int? Selected, string Reason);

/// <summary>Which matrix kernels a device would run.</summary>
/// <param name="Device">The device's index.</param>
/// <param name="Choice">Which families, and why; null when there are none.</param>
/// <param name="Error">Why there are none.</param>
internal sealed record KernelReport(int Device, KernelChoice? Choice, string? Error);
