namespace Gemma2.Backend.Device;

/// <summary>
/// Mesa's shader cache on disk, in which its CPU driver keeps machine code. Mesa reads its variables (https://docs.mesa3d.org/envvars.html) when a device is opened, so that they are set after the
/// device is known and before it is opened. What a user has set stays.
/// </summary>
internal static class MesaShaderCache
{
    private const string FolderVariable = "MESA_SHADER_CACHE_DIR";
    private const string DisableVariable = "MESA_SHADER_CACHE_DISABLE";
    private const string SizeVariable = "MESA_SHADER_CACHE_MAX_SIZE";

    // All of a model's kernels take a hundredth of it.
    private const string MostBytes = "256M";

    private static readonly Lock _lock = new();
    private static string? _folder = Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } given ? given : null;

    /// <summary>Where Mesa keeps its own from now on: where the user wants it, else in a folder of ours.</summary>
    /// <param name="device">The device that will be opened.</param>
    /// <param name="folder">Our folder; null leaves Mesa its own, which others share.</param>
    /// <returns>The folder; null where the driver does not use it, or it is not ours to look into.</returns>
    public static string? Use(DeviceDescription device, string? folder)
    {
        if (!device.NeedsMesaCache || Environment.GetEnvironmentVariable(DisableVariable) is "true" or "1") return null;
        lock (_lock)
        {
            if (_folder is null && folder is not null && NativeEnvironment.TrySetDefault(FolderVariable, folder))
            {
                _folder = folder;
                NativeEnvironment.TrySetDefault(SizeVariable, MostBytes);
            }
            return _folder;
        }
    }
}
