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
}
