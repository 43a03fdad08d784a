using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>What can be checked of the image without a container engine: rules that its recipe keeps, and the build stage carried out on this machine.</summary>
[Collection(nameof(BuiltImage))]
public sealed partial class DockerfileTests(BuiltImage image)
{
    private const string User = "1654:1654";
    private const long LargestFile = 10 << 20;

    [Fact]
    public void From_EveryBaseImage_HasATagAndAPlaceForADigest()
    {
        Dictionary<string, string> arguments = Dockerfile.In("", "ARG").Select(argument => argument.Text.Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1]);

        Assert.All(Dockerfile.Instructions.Where(instruction => instruction.Keyword == "FROM"), from =>
        {
            Match match = BaseImage().Match(from.Text);
            Assert.True(match.Success, from.Text);
            Assert.Equal("", arguments[match.Groups["name"].Value + "_DIGEST"]);
            Assert.Matches(@"^[a-z0-9./-]+:(?!latest$)[A-Za-z0-9][A-Za-z0-9._-]*[0-9]", arguments[match.Groups["name"].Value + "_IMAGE"]);
        });
    }

    [Theory]
    [MemberData(nameof(Dockerfile.Images), MemberType = typeof(Dockerfile))]
    public void Image_LastStage_IsNoSdkAndRunsAsAUserWithoutRights(string stage)
    {
        Assert.DoesNotContain("SDK", Dockerfile.In(stage, "FROM").Single().Text, StringComparison.Ordinal);
        Assert.Equal(User, Dockerfile.In(stage, "USER").Single().Text);
        Assert.Equal(["USER", "ENTRYPOINT", "CMD"], Dockerfile.Instructions.Where(instruction => instruction.Stage == stage).TakeLast(3).Select(instruction => instruction.Keyword));
    }

    [Theory]
    [MemberData(nameof(Dockerfile.Images), MemberType = typeof(Dockerfile))]
    public void Image_Environment_TellsTheAppThatItIsInAContainerAndTheRuntimeThatItNeedsVulkan(string stage)
    {
        string[] variables = Dockerfile.In(stage, "ENV").Single().Words;

        Assert.Contains("DOTNET_RUNNING_IN_CONTAINER=true", variables);
        Assert.Contains("NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics", variables);
        Assert.Contains("ASPNETCORE_URLS=http://+:8080", variables);
        Assert.Equal("8080", Dockerfile.In(stage, "EXPOSE").Single().Text);
        Assert.Contains("org.opencontainers.image.licenses=\"MIT\"", Dockerfile.In(stage, "LABEL").Single().Words);
    }

    [Theory]
    [MemberData(nameof(Dockerfile.Images), MemberType = typeof(Dockerfile))]
    public void Image_Entrypoint_IsCopiedAndExecutable(string stage)
    {
        string entrypoint = JsonSerializer.Deserialize<string[]>(Dockerfile.In(stage, "ENTRYPOINT").Single().Text)!.Single();
        (_, string[] sources, string target) = Dockerfile.Copies.Single(copy => copy.Stage == stage && entrypoint.StartsWith(copy.Target + "/", StringComparison.Ordinal));
        string script = Path.Combine(Script.Root, sources.Single(), Path.GetRelativePath(target, entrypoint));

        Assert.True(File.GetUnixFileMode(script).HasFlag(UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute), script);
    }

    [Fact]
    public void Instructions_All_AreThoseThatTheClassicBuilderKnowsToo() => Assert.All(Dockerfile.Instructions, instruction =>
    {
        Assert.Contains(instruction.Keyword, (string[])["ARG", "FROM", "RUN", "COPY", "ENV", "LABEL", "WORKDIR", "EXPOSE", "USER", "ENTRYPOINT", "CMD"]);
        Assert.DoesNotMatch("^--(mount|link|chmod|security|network)|<<", instruction.Text);
    });

    [Fact]
    public void Instructions_ArgumentsAndVariables_HoldNoSecrets() => Assert.All(
        Dockerfile.Instructions.Where(instruction => instruction.Keyword is "ARG" or "ENV"),
        instruction => Assert.DoesNotMatch("(?i)key|secret|password|token|AzureWebJobsStorage", instruction.Text));

    [Fact]
    public void Packages_Installed_BringNoOthersAndLeaveNoLists()
    {
        IEnumerable<string> scripts = Dockerfile.Instructions.Where(instruction => instruction.Keyword == "RUN").Select(run => run.Text)
            .Append(File.ReadAllText(Path.Combine(Script.Root, "infra/container/install-packages.sh"))).Where(script => script.Contains("apt-get", StringComparison.Ordinal));

        Assert.Equal(2, scripts.Count());
        Assert.All(scripts, script =>
        {
            Assert.Equal(Install().Count(script), InstallAlone().Count(script));
            Assert.EndsWith("rm -rf /var/lib/apt/lists/*", script.TrimEnd(), StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Copy_EverySource_IsThereAndNotIgnored() => Assert.All(Dockerfile.Copies.SelectMany(copy => copy.Sources), source => Assert.NotEmpty(Dockerfile.FilesOf(source)));

    [Fact]
    public void Copy_AllFiles_AreSourcesAndNoWeights() => Assert.All(Dockerfile.Copies.SelectMany(copy => copy.Sources).SelectMany(Dockerfile.FilesOf), file =>
    {
        Assert.DoesNotMatch(@"(^|/)(bin|obj|node_modules|\.local)/|local\.settings\.json$|\.(safetensors|gguf|model|key|pem)$", file);
        Assert.True(new FileInfo(Path.Combine(Script.Root, file)).Length < LargestFile, file);
    });

    [Fact]
    public void Build_Published_HasWhatTheStagesStart()
    {
        string folder = Dockerfile.Instructions.Single(instruction => instruction.Stage == "app" && instruction.Text.StartsWith("--from=build", StringComparison.Ordinal)).Words[^1];
        string app = JsonSerializer.Deserialize<string[]>(Dockerfile.In("app", "CMD").Single().Text)!.Single();

        Assert.True(File.Exists(Path.Combine(image.Publish, Path.GetRelativePath(folder, app))));
        Assert.Contains($"PATH={folder}:$PATH", Dockerfile.In("app", "ENV").Single().Words);
        Assert.All((string[])["gemma2", "Gemma2.Functions", "host.json", "CompletionRequest/function.json"], file => Assert.True(File.Exists(Path.Combine(image.Publish, file)), file));
    }

    [Fact]
    public void Build_Published_IsSmallAndForTheRuntimeOfTheBaseImage()
    {
        JsonElement frameworks = JsonDocument.Parse(File.ReadAllText(Path.Combine(image.Publish, "Gemma2.Functions.runtimeconfig.json"))).RootElement
            .GetProperty("runtimeOptions").GetProperty("frameworks");
        string[] bases = [.. Dockerfile.In("", "ARG").Select(argument => argument.Text).Where(text => text.StartsWith("APP_IMAGE", StringComparison.Ordinal) || text.StartsWith("FUNCTIONS_IMAGE", StringComparison.Ordinal))];

        Assert.All(frameworks.EnumerateArray(), framework => Assert.StartsWith("10.0.", framework.GetProperty("version").GetString(), StringComparison.Ordinal));
        Assert.All(bases, image => Assert.Contains("10.0", image, StringComparison.Ordinal));
        Assert.True(new DirectoryInfo(image.Publish).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) < 3 * LargestFile);
    }

    [Fact]
    public void Extensions_QueueTrigger_IsNamedInTheVersionThatIsInstalled()
    {
        string folder = Path.Combine(Script.Root, "infra/container/extensions");
        XElement package = XDocument.Load(Path.Combine(folder, "extensions.csproj")).Descendants("PackageReference").Single();
        JsonElement extension = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "extensions.json"))).RootElement.GetProperty("extensions").EnumerateArray().Single();

        Assert.Contains($", {package.Attribute("Include")!.Value}, Version={package.Attribute("Version")!.Value}.0,", extension.GetProperty("typeName").GetString(), StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^\$\{(?<name>[A-Z]+)_IMAGE\}\$\{\k<name>_DIGEST\} AS [a-z]+$")]
    private static partial Regex BaseImage();

    [GeneratedRegex("apt-get install")]
    private static partial Regex Install();

    [GeneratedRegex("apt-get install --yes --no-install-recommends [a-z]")]
    private static partial Regex InstallAlone();
}
