using Gemma2.Backend.Device;
using Gemma2.Backend.Startup;

namespace Gemma2.Backend.Engine;

/// <summary>A device that is being opened, with what was compiled on it before, while a model's headers are read.</summary>
internal sealed class DeviceOpening : IAsyncDisposable
{
    private readonly Task<GpuDevice> _device;
    private bool _isTaken;

    /// <param name="options">Which device, and where compiled pipelines are kept.</param>
    /// <param name="cancellationToken">Ends waiting for pipelines from elsewhere; drivers are not interrupted.</param>
    public DeviceOpening(EngineOptions options, CancellationToken cancellationToken)
    {
        Pipelines = new EnginePipelines(options.Pipelines, options.Timeline);
        _device = Task.Run(() => Open(options, cancellationToken), CancellationToken.None);
    }

    /// <summary>What was and will be compiled on it.</summary>
    public EnginePipelines Pipelines { get; }

    /// <summary>The device, which the caller then owns.</summary>
    /// <exception cref="DeviceException">There is none, or it cannot be opened.</exception>
    public async Task<GpuDevice> TakeAsync()
    {
        _isTaken = true;
        return await _device.ConfigureAwait(false);
    }

    /// <summary>Frees the device, unless it was taken.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isTaken) return;
        await ((Task)_device).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_device.IsCompletedSuccessfully) (await _device.ConfigureAwait(false)).Dispose();
    }

    private GpuDevice Open(EngineOptions options, CancellationToken cancellationToken)
    {
        using StartupSpan opening = options.Timeline.Begin(StartupStages.Device);
        return GpuDevice.Open(
            options.Device, options.AllowSoftwareDevice, options.Validation, options.HideDeviceMemory, device => Pipelines.Restore(device, cancellationToken));
    }
}
