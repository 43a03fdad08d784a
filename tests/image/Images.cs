namespace Gemma2.Image.Tests;

/// <summary>
/// The images of the Dockerfile: both targets and all drivers, built by scripts/build-image.sh before the first test, as that takes minutes. Tests are skipped where none can be built.
/// </summary>
public sealed class Images : IAsyncLifetime
{
    // It holds a reason, or nothing.
    private const string Marker = ".local/no-images";

    private static readonly (string Target, string Driver)[] All = [("app", "software"), ("app", "nvidia"), ("functions", "mesa")];

    private readonly Dictionary<(string Target, string Driver), Task<BuiltImage>> _images = [];
    private string? _obstacle;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _obstacle = await FindObstacleAsync();
        if (_obstacle is not null) return;
        foreach ((string target, string driver) in All)
        {
            _images[(target, driver)] = BuiltImage.BuildAsync(target, driver);
            // What went wrong is for the tests to say.
            await Task.WhenAny(_images[(target, driver)]);
        }
    }

    /// <summary>One of the images.</summary>
    /// <param name="target">The Dockerfile's target.</param>
    /// <param name="driver">Its VULKAN_DRIVER.</param>
    internal Task<BuiltImage> GetAsync(string target, string driver)
    {
        if (_obstacle is not null) Assert.Skip(_obstacle);
        return _images[(target, driver)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Task<BuiltImage> image in _images.Values.Where(image => image.IsCompletedSuccessfully)) (await image).Dispose();
    }

    private static async Task<string?> FindObstacleAsync()
    {
        string marker = Path.Combine(Script.Root, Marker);
        if (File.Exists(marker)) return $"{Marker} says not to build images. {await File.ReadAllTextAsync(marker)}".TrimEnd();
        (int exitCode, string output) = await Script.RunBashAsync("for file in common packages images; do source scripts/$file.sh; done; cannot_build");
        return exitCode == 0 ? $"Images cannot be built here: {output.TrimEnd()}." : null;
    }
}
