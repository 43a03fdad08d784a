using System.Text.Json.Nodes;

namespace Gemma2.Image.Tests;

/// <summary>One image, and its files that tests look at.</summary>
internal sealed class BuiltImage : IDisposable
{
    private readonly string _files = Directory.CreateTempSubdirectory("gemma2-image-").FullName;

    private BuiltImage(string name, string target, string commit) => (Name, AppFolder, Commit) = (name, target == "app" ? "/app" : "/home/site/wwwroot", commit);

    /// <summary>Its name for scripts/run-image.sh.</summary>
    public string Name { get; }

    /// <summary>What was checked out when it was built; empty without a repository.</summary>
    public string Commit { get; }

    /// <summary>Where the app lies in it.</summary>
    public string AppFolder { get; }

    /// <summary>The app's folder, copied.</summary>
    public string App => PathOf(AppFolder);

    /// <summary>What it is made of.</summary>
    public JsonNode BillOfMaterials => Json("/usr/share/gemma2/sbom.cdx.json");

    /// <summary>What it was made from.</summary>
    public JsonNode Provenance => Json("/usr/share/gemma2/provenance.json");

    /// <summary>Builds one.</summary>
    public static async Task<BuiltImage> BuildAsync(string target, string driver)
    {
        (_, string commit) = await Script.RunBashAsync("git rev-parse HEAD 2>/dev/null || true");
        (int exitCode, string output) = await Script.RunBashAsync($"scripts/build-image.sh {target} {driver}");
        Assert.True(exitCode == 0, output);
        var image = new BuiltImage(output.TrimEnd().Split('\n')[^1], target, commit.Trim());
        (exitCode, output) = await Script.RunBashAsync($"scripts/copy-from-image.sh {image.Name} '{image._files}' {image.AppFolder} /usr/share/gemma2 /usr/share/vulkan /etc/os-release");
        Assert.True(exitCode == 0, output);
        return image;
    }

    /// <summary>Where a copied file lies.</summary>
    public string PathOf(string path) => Path.Combine(_files, path.TrimStart('/'));

    /// <summary>Names and versions of its components.</summary>
    public IEnumerable<(string Name, string Version)> Components =>
        BillOfMaterials["components"]!.AsArray().Select(component => ((string)component!["name"]!, (string?)component["version"] ?? ""));

    /// <summary>Runs it; without a command, with its own.</summary>
    public Script Run(string[] options, params string[] command) => Script.Start(null, ["scripts/run-image.sh", Name, .. options, .. command]);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_files, recursive: true);

    private JsonNode Json(string path) => JsonNode.Parse(File.ReadAllText(PathOf(path)))!;
}
