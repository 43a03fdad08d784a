namespace Gemma2.EndToEnd.Tests;

/// <summary>scripts/packages.sh on machines that are made up here.</summary>
public sealed class PackagesTests : IDisposable
{
    private const string Backports = "--target-release bookworm-backports mesa-vulkan-drivers";

    private readonly FakeMachine _machine = new();

    [Fact]
    public async Task InstallPackages_AllInstalled_TouchesNothing()
    {
        _machine.Has("glslc", "2023.2-1");
        _machine.Has("mesa-vulkan-drivers", "25.0.7-2~bpo12+1");

        (int exitCode, string output) = await _machine.RunAsync("install_packages glslc mesa-vulkan-drivers");

        Assert.Equal((0, ""), (exitCode, output));
        Assert.Empty(_machine.Calls);
    }

    [Fact]
    public async Task InstallPackages_SomeMissing_SaysThemBeforeItInstallsThem()
    {
        _machine.Has("glslc", "2023.2-1");

        (int exitCode, string output) = await _machine.RunAsync("install_packages glslc spirv-tools");

        Assert.Equal(0, exitCode);
        Assert.StartsWith("==> To install from Debian: spirv-tools\n==> As root:\n", output, StringComparison.Ordinal);
        Assert.Contains("apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends spirv-tools\n", output, StringComparison.Ordinal);
        Assert.Contains("apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends spirv-tools", _machine.Calls);
        Assert.DoesNotContain("backports", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InstallPackages_SecondRun_TouchesNothing()
    {
        _machine.HasDebianSource("debian.list", "deb http://mirror.example/debian bookworm main\n", entry: 1);
        await _machine.RunAsync("install_packages glslc mesa-vulkan-drivers");
        string[] calls = _machine.Calls;

        (int exitCode, string output) = await _machine.RunAsync("install_packages glslc mesa-vulkan-drivers");

        Assert.Equal((0, ""), (exitCode, output));
        Assert.Equal(calls, _machine.Calls);
    }

    [Theory]
    [InlineData("deb http://mirror.example/debian bookworm main", "deb http://mirror.example/debian bookworm-backports main")]
    [InlineData("deb http://mirror.example/debian bookworm main contrib non-free", "deb http://mirror.example/debian bookworm-backports main")]
    [InlineData("deb [signed-by=/keys/debian.gpg] https://mirror.example/d bookworm main", "deb [signed-by=/keys/debian.gpg] https://mirror.example/d bookworm-backports main")]
    [InlineData("deb  [ arch=amd64 signed-by=/k.gpg ]  http://m.example/debian/  stable  main", "deb [ arch=amd64 signed-by=/k.gpg ]  http://m.example/debian/ bookworm-backports main")]
    public async Task InstallPackages_OneLineSource_AddsBackportsOfTheSameMirror(string line, string expected)
    {
        _machine.HasDebianSource("debian.list", $"# a comment\n{line}\ndeb http://security.example bookworm-security main\n", entry: 2);

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.True(exitCode == 0, output);
        Assert.Equal(expected + "\n", await AddedAsync("list"));
        Assert.Contains(_machine.Calls, call => call.EndsWith(Backports, StringComparison.Ordinal));
        Assert.Equal("25.0.7-2~bpo12+1", _machine.Version("mesa-vulkan-drivers"));
    }

    [Fact]
    public async Task InstallPackages_Deb822Source_AddsBackportsWithItsMirrorKeyAndOptions()
    {
        const string Source = """
            # Modernized from /etc/apt/sources.list

            Types: deb
            URIs: http://mirror.example/debian-security
            Suites: bookworm-security
            Components: main

            # the mirror
            Types: deb deb-src
            URIs: http://mirror.example/debian
             http://second.example/debian
            Suites: bookworm
             bookworm-updates
            Components: main contrib
            Enabled: yes
            Signed-By:
             -----BEGIN PGP PUBLIC KEY BLOCK-----
             .
             AbC+/=
             -----END PGP PUBLIC KEY BLOCK-----
            Architectures: amd64

            Types: deb
            URIs: http://mirror.example/other
            Suites: other
            Components: main

            """;
        _machine.HasDebianSource("debian.sources", Source, entry: 2);

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.True(exitCode == 0, output);
        const string Expected = """
            Types: deb
            Suites: bookworm-backports
            Components: main
            URIs: http://mirror.example/debian
             http://second.example/debian
            Signed-By:
             -----BEGIN PGP PUBLIC KEY BLOCK-----
             .
             AbC+/=
             -----END PGP PUBLIC KEY BLOCK-----
            Architectures: amd64

            """;
        Assert.Equal(Expected, await AddedAsync("sources"));
    }

    [Fact]
    public async Task InstallPackages_ListsNotDownloaded_UpdatesBeforeItLooksForTheMirror()
    {
        _machine.HasDebianSource("debian.list", "deb http://mirror.example/debian bookworm main\n", entry: 1, downloaded: false);

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.True(exitCode == 0, output);
        Assert.Equal("deb http://mirror.example/debian bookworm-backports main\n", await AddedAsync("list"));
    }

    [Fact]
    public async Task InstallPackages_BackportsThere_AddsNoSource()
    {
        _machine.HasSuite("bookworm-backports");

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.True(exitCode == 0, output);
        Assert.Empty(Directory.GetFiles(_machine.Sources));
        Assert.Contains(_machine.Calls, call => call.EndsWith(Backports, StringComparison.Ordinal));
    }

    [Fact]
    public async Task InstallPackages_OldMesa_TakesTheNewerOne()
    {
        _machine.Has("mesa-vulkan-drivers", "22.3.6-1+deb12u1");
        _machine.HasSuite("bookworm-backports");

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.True(exitCode == 0, output);
        Assert.Equal("25.0.7-2~bpo12+1", _machine.Version("mesa-vulkan-drivers"));
    }

    [Fact]
    public async Task InstallPackages_NewerRelease_UsesItsOwnSuite()
    {
        _machine.IsRelease("13", "trixie");

        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers glslc");

        Assert.True(exitCode == 0, output);
        Assert.Contains(_machine.Calls, call => call.EndsWith("--no-install-recommends mesa-vulkan-drivers glslc", StringComparison.Ordinal));
        Assert.DoesNotContain("backports", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InstallPackages_StillMissingAfterwards_FailsAndNamesIt()
    {
        (int exitCode, string output) = await _machine.RunAsync("install_packages no-such-package glslc");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: still missing after the installation: no-such-package ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InstallPackages_NoSourceOfDebian_FailsAndNamesTheSuite()
    {
        (int exitCode, string output) = await _machine.RunAsync("install_packages mesa-vulkan-drivers");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: none of the apt sources serves Debian's main component: add the suite bookworm-backports by hand", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_machine.Calls, call => call.Contains("install", StringComparison.Ordinal));
    }

    [Fact]
    public async Task InstallPackages_NotRoot_UsesSudo()
    {
        _machine.IsUser(1000);
        _machine.HasSudo(works: true);

        (int exitCode, string output) = await _machine.RunAsync("install_packages glslc");

        Assert.True(exitCode == 0, output);
        Assert.Equal("sudo", _machine.Calls[0]);
        Assert.NotNull(_machine.Version("glslc"));
    }

    [Fact]
    public async Task InstallPackages_NeitherRootNorSudo_SaysWhatToRunByHandAndInstallsNothing()
    {
        _machine.IsUser(1000);
        _machine.HasSudo(works: false);

        (int exitCode, string output) = await _machine.RunAsync("install_packages glslc");

        Assert.Equal(1, exitCode);
        Assert.Contains("      apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends glslc\n", output, StringComparison.Ordinal);
        Assert.EndsWith("error: neither root nor sudo here: run the lines above as root, then start this again.\n", output, StringComparison.Ordinal);
        Assert.Empty(_machine.Calls);
    }

    /// <inheritdoc/>
    public void Dispose() => _machine.Dispose();

    private Task<string> AddedAsync(string extension) =>
        File.ReadAllTextAsync(Path.Combine(_machine.Sources, "gemma2-backports." + extension), TestContext.Current.CancellationToken);
}
