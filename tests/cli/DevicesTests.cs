using System.Text.Json;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class DevicesTests
{
    public DevicesTests() => Machine.NeedsDevice();

    [Fact]
    public async Task Devices_Json_IsOneDocumentWithEveryDeviceAndTheChoice()
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("devices", "--json")).Succeeded());
        JsonElement devices = report.RootElement.GetProperty("devices");
        int selected = report.RootElement.GetProperty("selected").GetInt32();
        JsonElement device = devices[selected];
        Assert.Equal(selected, device.GetProperty("index").GetInt32());
        Assert.True(device.GetProperty("is_usable").GetBoolean());
        Assert.NotEqual("", device.GetProperty("name").GetString());
        Assert.Contains(device.GetProperty("kind").GetString(), (string?[])["discrete", "integrated", "virtual", "software", "other"]);
        Assert.True(device.GetProperty("memory_bytes").GetInt64() > 0);
        Assert.True(device.GetProperty("subgroup_size").GetInt32() > 0);
        Assert.NotEqual("", report.RootElement.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Devices_Text_NamesEveryDeviceWithoutEscapeCodes()
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("devices", "--json")).Succeeded());
        string text = (await Gemma2Program.RunAsync("devices")).Succeeded();
        foreach (JsonElement device in report.RootElement.GetProperty("devices").EnumerateArray())
            Assert.Contains(device.GetProperty("name").GetString()!, text);
        Assert.DoesNotContain('\u001b', text);
        Assert.Contains("Without --device", text);
    }

    [Fact]
    public async Task DevicesCheck_ThisMachine_FindsEveryKernelRight()
    {
        using JsonDocument report = JsonDocument.Parse((await Gemma2Program.RunAsync("devices", "--check", "--kernels", "generic", "--json")).Succeeded());
        Assert.True(report.RootElement.GetProperty("is_right").GetBoolean());
        Assert.NotEqual("", report.RootElement.GetProperty("driver").GetString());
        JsonElement[] kernels = [.. report.RootElement.GetProperty("kernels").EnumerateArray()];
        Assert.All(kernels, kernel => Assert.InRange(kernel.GetProperty("error").GetDouble(), 0, kernel.GetProperty("allowed").GetDouble()));
        Assert.Distinct(kernels.Select(kernel => $"{kernel.GetProperty("kernel")}, {kernel.GetProperty("shape")}"));
        string[] names = [.. kernels.Select(kernel => kernel.GetProperty("kernel").GetString()!)];
        foreach (string name in (string[])["embed", "norm", "add and norm", "rope and store", "attention, decode", "attention, prompt tiled", "candidates", "matrices, decode generic", "matrices, prompt generic"])
            Assert.Contains(name, names);
        foreach (string type in (string[])["F32", "BF16", "Q8_0", "gated Q4_K", "IQ4_XS"])
            Assert.Contains(kernels, kernel => kernel.GetProperty("shape").GetString()!.EndsWith($"in {type}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DevicesCheck_NoSuchDevice_FailsAndNamesIt() => (await Gemma2Program.RunAsync("devices", "--check", "--device", "nonesuch")).Failed(1, "nonesuch");

    [Fact]
    public async Task Devices_DeviceWithoutCheck_IsBadUsage() => (await Gemma2Program.RunAsync("devices", "--device", "0")).Failed(2, "--check");
}
