using System.Diagnostics;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gemma2.Image.Tests;

/// <summary>What lies in the images.</summary>
public sealed class ContentTests(Images images)
{
    private const long LargestApp = 44 << 20;

    [Fact]
    public async Task App_Shaders_AreAllInIt()
    {
        BuiltImage image = await images.GetAsync("app", "software");
        using PEReader assembly = Open(Path.Combine(image.App, "Gemma2.Backend.dll"));
        MetadataReader metadata = assembly.GetMetadataReader();

        IEnumerable<string> shaders = metadata.ManifestResources.Select(handle => metadata.GetString(metadata.GetManifestResource(handle).Name)).Where(name => name.EndsWith(".spv", StringComparison.Ordinal));

        Assert.Equal(
            Directory.EnumerateFiles(Path.Combine(Script.Root, "shaders/ops"), "*.comp").Select(file => Path.GetFileNameWithoutExtension(file) + ".spv").Order(StringComparer.Ordinal),
            shaders.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task App_Files_AreSmallAndForTheRuntimeOfTheBaseImages()
    {
        BuiltImage image = await images.GetAsync("app", "software");

        foreach (string program in (string[])["Gemma2.Functions", "gemma2"])
        {
            JsonElement options = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(image.App, program + ".runtimeconfig.json"), TestContext.Current.CancellationToken)).RootElement.GetProperty("runtimeOptions");
            JsonElement[] frameworks = options.TryGetProperty("frameworks", out JsonElement several) ? [.. several.EnumerateArray()] : [options.GetProperty("framework")];
            Assert.All(frameworks, framework => Assert.StartsWith("10.0.", framework.GetProperty("version").GetString(), StringComparison.Ordinal));
        }
        Assert.True(new DirectoryInfo(image.App).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) < LargestApp);
    }

    [Theory]
    [InlineData("app", "software", false)]
    [InlineData("functions", "mesa", true)]
    public async Task Image_Folders_AreThoseOfItsKindOnLinux(string target, string driver, bool hasHost)
    {
        BuiltImage image = await images.GetAsync(target, driver);

        Assert.Equal(hasHost, Directory.Exists(Path.Combine(image.App, ".azurefunctions")));
        Assert.DoesNotContain(Directory.EnumerateDirectories(image.App, "*", SearchOption.AllDirectories), folder => Path.GetFileName(folder) is "win" or "browser");
    }

    // Two programs share files, the one published last has overwritten the other's: each must find what it was built with, or something newer.
    [Theory]
    [InlineData("Gemma2.Functions.deps.json")]
    [InlineData("gemma2.deps.json")]
    [InlineData(".azurefunctions/function.deps.json")]
    public async Task Functions_Dependencies_LieBesideInNoOlderVersion(string file)
    {
        BuiltImage image = await images.GetAsync("functions", "mesa");
        string dependencies = Path.Combine(image.App, file);

        // What is for other systems is left out. The host has its own copies of what is not beside its extensions.
        PackagedFile[] files = [.. PackagedFile.In(dependencies).Where(packaged => packaged.AssemblyVersion is not null && !packaged.Path.StartsWith("runtimes/win/", StringComparison.Ordinal) && (file[0] != '.' || File.Exists(packaged.PathBeside(dependencies))))];

        Assert.NotEmpty(files);
        Assert.All(files, packaged =>
        {
            Assert.True(AssemblyName.GetAssemblyName(packaged.PathBeside(dependencies)).Version >= packaged.AssemblyVersion);
            Assert.True(Version.Parse(FileVersionInfo.GetVersionInfo(packaged.PathBeside(dependencies)).FileVersion!) >= packaged.FileVersion);
        });
    }

    [Fact]
    public async Task Functions_Extensions_AreThoseThatExtensionsJsonNames()
    {
        BuiltImage image = await images.GetAsync("functions", "mesa");
        JsonArray extensions = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(image.App, "extensions.json"), TestContext.Current.CancellationToken))!["extensions"]!.AsArray();

        Assert.Contains(extensions, extension => (string?)extension!["name"] == "AzureStorageQueues");
        Assert.All(extensions, extension =>
        {
            // NAMESPACE.TYPE, ASSEMBLY, Version=...
            string[] name = ((string)extension!["typeName"]!).Split(", ", 2);
            string path = Path.Combine(image.App, (string)extension["hintPath"]!);
            Assert.Equal(new AssemblyName(name[1]).FullName, AssemblyName.GetAssemblyName(path).FullName);
            Assert.Contains(name[0], TypesOf(path));
        });
    }

    [Fact]
    public async Task Functions_Metadata_NamesWhatLiesInTheFolder()
    {
        BuiltImage image = await images.GetAsync("functions", "mesa");
        JsonArray functions = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(image.App, "functions.metadata"), TestContext.Current.CancellationToken))!.AsArray();
        JsonNode worker = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(image.App, "worker.config.json"), TestContext.Current.CancellationToken))!["description"]!;

        Assert.NotEmpty(functions);
        Assert.All(functions, function =>
        {
            Assert.Equal((string?)worker["defaultWorkerPath"], (string?)function!["scriptFile"]);
            Assert.Equal((string?)worker["language"], (string?)function["language"]);
            string entryPoint = (string)function["entryPoint"]!;
            Assert.Contains(entryPoint[..entryPoint.LastIndexOf('.')], TypesOf(Path.Combine(image.App, (string)function["scriptFile"]!)));
        });
    }

    [Theory]
    [InlineData("app", "nvidia", new string[0])]
    [InlineData("app", "software", new[] { "lvp" })]
    [InlineData("functions", "mesa", new[] { "intel", "lvp", "radeon" })]
    public async Task Image_Drivers_AreThoseOfItsVariant(string target, string driver, string[] expected)
    {
        BuiltImage image = await images.GetAsync(target, driver);
        string manifests = image.PathOf("/usr/share/vulkan/icd.d");

        string[] drivers = Directory.Exists(manifests) ? [.. Directory.EnumerateFiles(manifests).Select(file => Path.GetFileName(file).Split('_')[0])] : [];

        if (driver == "mesa") Assert.Superset(expected.ToHashSet(), drivers.ToHashSet());
        else Assert.Equal(expected, drivers);
    }

    private static HashSet<string> TypesOf(string path)
    {
        using PEReader assembly = Open(path);
        MetadataReader metadata = assembly.GetMetadataReader();
        return [.. metadata.TypeDefinitions.Select(metadata.GetTypeDefinition).Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")];
    }

    private static PEReader Open(string path) => new(File.OpenRead(path));
}
