using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

public sealed class EngineResourcesTests(ITestOutputHelper output) : EngineTest
{
    [Theory, InlineData(false), InlineData(true)]
    public async Task LoadAsync_ThatFailsAtAnyObject_LeavesNothingOnTheDevice(bool hideDeviceMemory)
    {
        int objects = 0;
        for (bool isLoaded = false; !isLoaded;)
        {
            objects++;
            GpuDevice? device = null;
            var options = new EngineOptions
            {
                MaxSequences = 2,
                ContextLength = 16,
                CheckKernels = false,
                HideDeviceMemory = hideDeviceMemory,
                Validation = ValidationLayer.Lacks is null,
                DeviceOpened = opened => (device = opened).FailAt = objects,
            };
            try
            {
                (await LoadResourcesAsync(GoldenModels.Open("a-base").Folder, options)).Dispose();
                isLoaded = true;
            }
            catch (DeviceException error)
            {
                Assert.Contains($"no more than {objects - 1} objects", error.Message, StringComparison.Ordinal);
            }
            Assert.Equal((0, 0), (device!.ObjectCount, device.AllocatedBytes));
            Assert.Empty(device.ValidationReports);
        }
        output.WriteLine($"{objects - 1} objects");
        Assert.InRange(objects, 40, 1000);
    }
}
