using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>Rules that the images' recipe keeps; tests/image carries it out.</summary>
public sealed partial class DockerfileTests
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
            Assert.Contains("rm -rf /var/lib/apt/lists/*", script, StringComparison.Ordinal);
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
    public void Build_Publish_LeavesOutNoShaderAndRestoresByTheLockFiles()
    {
        string build = Dockerfile.In("build", "RUN").Single(run => run.Text.Contains("dotnet publish", StringComparison.Ordinal)).Text;

        Assert.Equal(Publish().Count(build), PublishWithAllShaders().Count(build));
        Assert.Contains("CI=true", Dockerfile.In("build", "ENV").Single().Words);
    }

    [Theory]
    [InlineData("")]
    [InlineData("amd")]
    [InlineData("true")]
    public async Task InstallPackages_UnknownDriver_SaysWhichAreAllowed(string driver)
    {
        (int exitCode, string output) = await Script.RunBashAsync($"infra/container/install-packages.sh '{driver}'");

        Assert.Equal(1, exitCode);
        Assert.Equal($"error: VULKAN_DRIVER is '{driver}'; allowed are nvidia, mesa and software.\n", output);
    }

    [Theory]
    [InlineData("debian", "22.3.6-1+deb12u1", "22.3.6-1+deb12u1")]
    [InlineData("ubuntu", "23.2.1-1ubuntu3.1~22.04.3", "23.2.1-1ubuntu3.1~22.04.3")]
    [InlineData("ubuntu", "(none)", "0")]
    public async Task InstallPackages_MesaIsTooOld_SaysSoAndInstallsNothing(string distribution, string candidate, string shown)
    {
        using var container = new FakeContainer();
        container.With("etc/os-release", $"ID={distribution}\nVERSION_CODENAME=bookworm\n").With("etc/apt/sources.list.d/debian.sources", "Types: deb\nSuites: bookworm\n");
        container.Command("apt-get", "[[ $* == update ]]");
        container.Command("apt-cache", $"echo '  Candidate: {candidate}'");

        (int exitCode, string output) = await Script.RunBashAsync("PATH=$ROOT/bin:$PATH infra/container/install-packages.sh mesa", new Dictionary<string, string> { ["ROOT"] = container.Root });

        Assert.Equal(1, exitCode);
        Assert.Equal($"error: the newest Mesa that this base image's distribution has is {shown}; 24 or newer is needed: take a newer base image.\n", output);
    }

    [GeneratedRegex(@"^\$\{(?<name>[A-Z]+)_IMAGE\}\$\{\k<name>_DIGEST\} AS [a-z]+$")]
    private static partial Regex BaseImage();

    [GeneratedRegex("apt-get install")]
    private static partial Regex Install();

    [GeneratedRegex("apt-get install --yes --no-install-recommends [a-z\"$]")]
    private static partial Regex InstallAlone();

    [GeneratedRegex("dotnet publish")]
    private static partial Regex Publish();

    [GeneratedRegex("dotnet publish [^&]* -p:RequireAllShaders=true")]
    private static partial Regex PublishWithAllShaders();
}
