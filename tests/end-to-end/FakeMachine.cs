namespace Gemma2.EndToEnd.Tests;

/// <summary>
/// A machine on which nothing can be broken: the commands that look at or change it (dpkg-query, apt-get, id, sudo) are stand-ins that keep
/// a list of installed packages and write down how they were called.
/// </summary>
internal sealed class FakeMachine : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-machine-").FullName;

    /// <summary>A Debian 12 machine with nothing installed, used by root.</summary>
    public FakeMachine()
    {
        foreach (string name in (string[])["bin", "installed", "sources"]) Directory.CreateDirectory(Path.Combine(_folder, name));
        IsRelease("12", "bookworm");
        IsUser(0);
        Command("dpkg-query", """
            package="${@: -1}"
            [[ -e $MACHINE/installed/$package ]] || exit 1
            printf 'installed %s' "$(<"$MACHINE/installed/$package")"
            """);
        Command("apt-get", """
            [[ $1 != indextargets ]] || { grep -hs "${*: -1}" "$MACHINE/lists" | sed 's/ .*//'; exit 0; }
            echo "apt-get $*" >>"$MACHINE/calls"
            case " $* " in
              *" update "*) [[ ! -e $MACHINE/lists-after-update ]] || cp "$MACHINE/lists-after-update" "$MACHINE/lists" ;;
              *" install "*)
                version=22.3.6-1
                [[ $* != *backports* ]] || version=25.0.7-2~bpo12+1
                ! grep --quiet trixie "$OS_RELEASE" || version=25.0.7-2
                for package in "$@"; do
                  case $package in glslc | spirv-tools | mesa-vulkan-drivers) echo "$version" >"$MACHINE/installed/$package" ;; esac
                done
                ;;
            esac
            """);
    }

    /// <summary>Where apt sources are added.</summary>
    public string Sources => Path.Combine(_folder, "sources");

    /// <summary>How apt-get and sudo were called, a line a call.</summary>
    public string[] Calls => File.Exists(PathOf("calls")) ? File.ReadAllLines(PathOf("calls")) : [];

    /// <summary>Sets /etc/os-release.</summary>
    public void IsRelease(string version, string codename) =>
        File.WriteAllText(PathOf("os-release"), $"ID=debian\nVERSION_ID=\"{version}\"\nVERSION_CODENAME={codename}\n");

    /// <summary>Sets the user who runs the scripts.</summary>
    public void IsUser(int id) => Command("id", $"echo {id}");

    /// <summary>Makes sudo work, or say that it does not.</summary>
    public void HasSudo(bool works) => Command("sudo", works
        ? """
          [[ $* != *" true" ]] || exit 0
          echo "sudo" >>"$MACHINE/calls"
          exec "$@"
          """
        : "exit 1");

    /// <summary>Installs a package.</summary>
    public void Has(string package, string version) => File.WriteAllText(PathOf("installed/" + package), version);

    /// <summary>The installed version of a package; null when it is missing.</summary>
    public string? Version(string package) => File.Exists(PathOf("installed/" + package)) ? File.ReadAllText(PathOf("installed/" + package)).Trim() : null;

    /// <summary>Writes an apt source of Debian's own and makes apt know it as FILE:ENTRY of Debian's main component.</summary>
    /// <param name="downloaded">False where apt knows it only after an update, as in a fresh container.</param>
    public void HasDebianSource(string file, string text, int entry, bool downloaded = true)
    {
        File.WriteAllText(Path.Combine(Sources, file), text);
        HasList($"{Path.Combine(Sources, file)}:{entry} Component: main", downloaded);
    }

    /// <summary>Makes apt know a suite.</summary>
    public void HasSuite(string codename) => HasList($"elsewhere.list:1 Codename: {codename}", downloaded: true);

    /// <summary>Runs bash lines with scripts/packages.sh loaded.</summary>
    public Task<(int ExitCode, string Output)> RunAsync(string lines) => Script.RunBashAsync(
        $"source scripts/common.sh; source scripts/packages.sh; {lines}",
        new Dictionary<string, string>
        {
            ["MACHINE"] = _folder,
            ["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}",
            ["OS_RELEASE"] = PathOf("os-release"),
            ["APT_SOURCES"] = Sources,
        });

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void HasList(string line, bool downloaded) => File.AppendAllText(PathOf(downloaded ? "lists" : "lists-after-update"), line + "\n");

    private void Command(string name, string lines)
    {
        string file = PathOf("bin/" + name);
        File.WriteAllText(file, "#!/bin/bash\n" + lines + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
