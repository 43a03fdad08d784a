using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Gemma2.Image.Tests;

/// <summary>What the images say of themselves.</summary>
public sealed class BillOfMaterialsTests(Images images)
{
    public static TheoryData<string, string> All => new() { { "app", "nvidia" }, { "app", "software" }, { "functions", "mesa" } };

    [Theory]
    [MemberData(nameof(All))]
    public async Task BillOfMaterials_EveryLibraryOfTheApp_IsOurOwnOrOfAPackageThatItNames(string target, string driver)
    {
        BuiltImage image = await images.GetAsync(target, driver);
        HashSet<(string, string)> components = [.. image.Components];
        ILookup<string, PackagedFile> packaged = Directory.EnumerateFiles(image.App, "*.deps.json", SearchOption.AllDirectories)
            .SelectMany(dependencies => PackagedFile.In(dependencies).Select(file => (Path: Path.GetFullPath(file.PathBeside(dependencies)), File: file)))
            .ToLookup(file => file.Path, file => file.File);

        Assert.All(Directory.EnumerateFiles(image.App, "*", SearchOption.AllDirectories).Where(file => Path.GetExtension(file) is ".dll" or ".so"), file =>
        {
            string name = Path.GetFileName(file);
            if (name.StartsWith("gemma2", StringComparison.OrdinalIgnoreCase) || name == "Microsoft.Azure.Functions.Worker.Extensions.dll") return; // Built here.
            // It comes with the tools of the Functions SDK.
            if (name == "Microsoft.Azure.WebJobs.Extensions.FunctionMetadataLoader.dll") Assert.Contains(components, component => component.Item1 == "Microsoft.Azure.Functions.Worker.Sdk");
            else Assert.True(packaged[file].Any(package => components.Contains((package.Package, package.Version))), $"{file} is of {string.Join(", ", packaged[file])}");
        });
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task BillOfMaterials_Components_HaveVersionsAddressesHashesAndLicences(string target, string driver)
    {
        BuiltImage image = await images.GetAsync(target, driver);
        JsonNode bill = image.BillOfMaterials;
        JsonNode[] components = [.. bill["components"]!.AsArray().OfType<JsonNode>().Where(component => (string?)component["type"] != "container")];
        JsonNode[] packages = [.. components.Where(component => Address(component).StartsWith("pkg:nuget/", StringComparison.Ordinal) && (string?)component["type"] == "library")];

        Assert.Equal("CycloneDX", (string?)bill["bomFormat"]);
        Assert.All(components, component => Assert.Matches(@"^pkg:(nuget|deb/(debian|ubuntu))/[^@]+@[^@]+$", Address(component)));
        Assert.All(components, component => Assert.NotEmpty((string)component["version"]!));
        Assert.Equal(components.Length, components.Select(Address).Distinct().Count());
        Assert.NotEmpty(packages);
        Assert.All(packages, package => Assert.Matches("^[0-9A-F]{128}$", (string?)package["hashes"]!.AsArray().Single(hash => (string?)hash!["alg"] == "SHA-512")!["content"]));
        Assert.All(packages, package => Assert.NotEmpty(package["licenses"]!.AsArray()));
        Assert.All((string[])["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"], runtime => Assert.Contains(components, component => (string?)component["name"] == runtime));
    }

    [Theory]
    [InlineData("app", "nvidia", "libegl1", "^1\\.")]
    [InlineData("app", "software", "mesa-vulkan-drivers", "^25\\.")]
    [InlineData("functions", "mesa", "mesa-vulkan-drivers", "bpo12")]
    public async Task BillOfMaterials_PackagesOfTheDistribution_AreInIt(string target, string driver, string package, string version)
    {
        BuiltImage image = await images.GetAsync(target, driver);

        Assert.Matches(version, image.Components.Single(component => component.Name == package).Version);
        Assert.All((string[])["libc6", "libvulkan1", "jq"], name => Assert.Contains(image.Components, component => component.Name == name));
    }

    [Fact]
    public async Task BillOfMaterials_NvidiaDriver_HasNoMesa()
    {
        BuiltImage image = await images.GetAsync("app", "nvidia");

        Assert.DoesNotContain(image.Components, component => component.Name.Contains("mesa", StringComparison.Ordinal) || component.Name.Contains("llvm", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Provenance_EveryFileOfTheApp_IsInItWithItsHash(string target, string driver)
    {
        BuiltImage image = await images.GetAsync(target, driver);
        Dictionary<string, string> subject = image.Provenance["subject"]!.AsArray().ToDictionary(file => (string)file!["name"]!, file => (string)file!["digest"]!["sha256"]!);

        string[] files = [.. Directory.EnumerateFiles(image.App, "*", SearchOption.AllDirectories)];

        Assert.Equal(files.Length, subject.Count);
        Assert.All(files, file => Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))), subject[$"{image.AppFolder}/{Path.GetRelativePath(image.App, file)}"]));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Provenance_Definition_NamesCommitArgumentsAndBaseImages(string target, string driver)
    {
        BuiltImage image = await images.GetAsync(target, driver);
        JsonNode definition = image.Provenance["predicate"]!["buildDefinition"]!;

        Assert.Equal(target, (string?)definition["externalParameters"]!["target"]);
        Assert.Equal(driver, (string?)definition["externalParameters"]!["arguments"]!["VULKAN_DRIVER"]);
        Assert.StartsWith(image.Commit, (string?)definition["externalParameters"]!["arguments"]!["REVISION"], StringComparison.Ordinal);
        Assert.Equal(
            [$"docker://localhost/gemma2-base-{target}", "docker://localhost/gemma2-base-shader", "docker://localhost/gemma2-base-sdk"],
            definition["resolvedDependencies"]!.AsArray().Skip(1).Select(dependency => (string?)dependency!["uri"]));
    }

    private static string Address(JsonNode component) => (string)component["purl"]!;
}
