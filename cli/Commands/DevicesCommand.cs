using System.CommandLine;
using System.Globalization;
using Gemma2.Backend;
using Gemma2.Backend.Device;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 devices</c>: every Vulkan device, and which one would be used.</summary>
internal static class DevicesCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<bool> json = Shared.Json();
        var command = new Command("devices", "List the Vulkan devices and say which one would be used, and why.") { json };
        command.SetAction(parse =>
        {
            DeviceReport report = Look();
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.DeviceReport);
            else Print(report);
        });
        return command;
    }

    private static DeviceReport Look()
    {
        IReadOnlyList<DeviceDescription> devices = VulkanDevices.List();
        try
        {
            DeviceChoice choice = VulkanDevices.Choose(devices, wanted: null, allowSoftware: true);
            return new DeviceReport(devices, choice.Device.Index, choice.Reason);
        }
        catch (DeviceException none)
        {
            return new DeviceReport(devices, null, none.Message);
        }
    }

    private static void Print(DeviceReport report)
    {
        foreach (DeviceDescription device in report.Devices)
        {
            Tables.Print([device.Index.ToString(CultureInfo.InvariantCulture), device.Name], Facts(device));
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
        yield return ["subgroup size", device.SubgroupSize.ToString(CultureInfo.InvariantCulture)];
        yield return ["cooperative matrix", device.CooperativeMatrix ? "yes" : "no"];
        yield return ["usable", device.IsUsable ? "yes" : $"no, it lacks {string.Join(", ", device.Missing)}"];
    }
}

/// <summary>What <c>gemma2 devices --json</c> prints.</summary>
/// <param name="Devices">Every device.</param>
/// <param name="Selected">Index of the device that would be used; null when none can be.</param>
/// <param name="Reason">Why that one, or why none.</param>
internal sealed record DeviceReport(IReadOnlyList<DeviceDescription> Devices, int? Selected, string Reason);
