using Gemma2.Backend.Device;
using Gemma2.Testing;

namespace Gemma2.Backend.Tests.Device;

public sealed class VulkanDevicesTests
{
    private static readonly DeviceDescription _software = Descriptions.Describe(0, "llvmpipe", DeviceKind.Software);
    private static readonly DeviceDescription _integrated = Descriptions.Describe(1, "Small GPU", DeviceKind.Integrated);
    private static readonly DeviceDescription _discrete = Descriptions.Describe(2, "Large GPU", DeviceKind.Discrete);

    [Fact]
    public void List_ThisMachine_DescribesEveryDevice()
    {
        Machine.NeedsDevice();
        IReadOnlyList<DeviceDescription> devices = VulkanDevices.List();

        Assert.NotEmpty(devices);
        Assert.All(devices, device =>
        {
            Assert.NotEmpty(device.Name);
            Assert.True(device.MemoryBytes > 0);
            Assert.True(device.SubgroupSize > 0);
        });
    }

    [Fact]
    public void Choose_NothingWanted_PrefersTheDiscreteDevice() =>
        Assert.Equal(_discrete, VulkanDevices.Choose([_software, _integrated, _discrete], null, allowSoftware: true).Device);

    [Fact]
    public void Choose_BestLacksAFeature_TakesTheNext() =>
        Assert.Equal(_integrated, VulkanDevices.Choose([_integrated, _discrete with { Missing = ["shaderInt64"] }], null, allowSoftware: false).Device);

    [Theory]
    [InlineData("small")]
    [InlineData("1")]
    public void Choose_ByNameOrIndex_TakesThatOne(string wanted) =>
        Assert.Equal(_integrated, VulkanDevices.Choose([_software, _integrated, _discrete], wanted, allowSoftware: false).Device);

    [Fact]
    public void Choose_SoftwareOnlyWithoutLeave_SaysHowToAllowIt()
    {
        var error = Assert.Throws<DeviceException>(() => VulkanDevices.Choose([_software], null, allowSoftware: false));

        Assert.Contains("AllowSoftwareDevice", error.Message, StringComparison.Ordinal);
        Assert.Equal(_software, VulkanDevices.Choose([_software], null, allowSoftware: true).Device);
    }

    [Fact]
    public void Choose_UnknownName_ListsTheNames()
    {
        var error = Assert.Throws<DeviceException>(() => VulkanDevices.Choose([_software, _discrete], "other", allowSoftware: true));

        Assert.Contains("Large GPU", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_FeatureMissing_NamesIt()
    {
        var error = Assert.Throws<DeviceException>(() => VulkanDevices.Choose([_discrete with { Missing = ["bufferDeviceAddress"] }], null, allowSoftware: true));

        Assert.Contains("bufferDeviceAddress", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_NoDevice_SaysSo() => Assert.Throws<DeviceException>(() => VulkanDevices.Choose([], null, allowSoftware: true));
}
