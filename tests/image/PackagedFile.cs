using System.Text.Json;

namespace Gemma2.Image.Tests;

/// <summary>A file of a package, as a deps.json names it.</summary>
/// <param name="Package">The package's name.</param>
/// <param name="Version">The package's version.</param>
/// <param name="Path">Where it lies beside the deps.json.</param>
/// <param name="AssemblyVersion">Its version as an assembly; null for what is none.</param>
/// <param name="FileVersion">Its version as a file.</param>
internal sealed record PackagedFile(string Package, string Version, string Path, Version? AssemblyVersion, Version? FileVersion)
{
    /// <summary>All files of packages that a deps.json names.</summary>
    public static IEnumerable<PackagedFile> In(string dependencies)
    {
        JsonElement root = JsonDocument.Parse(File.ReadAllText(dependencies)).RootElement;
        HashSet<string> packages = [.. root.GetProperty("libraries").EnumerateObject().Where(library => library.Value.GetProperty("type").GetString() == "package").Select(library => library.Name)];
        foreach (JsonProperty library in root.GetProperty("targets").EnumerateObject().Single().Value.EnumerateObject().Where(library => packages.Contains(library.Name)))
        {
            string[] name = library.Name.Split('/');
            foreach (string kind in (string[])["runtime", "runtimeTargets", "resources", "native"])
            {
                if (!library.Value.TryGetProperty(kind, out JsonElement files)) continue;
                // What is for one platform keeps its folders, all other files lie beside.
                foreach (JsonProperty file in files.EnumerateObject())
                    yield return new PackagedFile(name[0], name[1], kind == "runtimeTargets" ? file.Name : System.IO.Path.GetFileName(file.Name), VersionIn(file.Value, "assemblyVersion"), VersionIn(file.Value, "fileVersion"));
            }
        }
    }

    /// <summary>Where it lies.</summary>
    public string PathBeside(string dependencies) => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(dependencies)!, Path);

    private static Version? VersionIn(JsonElement file, string name) => file.TryGetProperty(name, out JsonElement version) ? System.Version.Parse(version.GetString()!) : null;
}
