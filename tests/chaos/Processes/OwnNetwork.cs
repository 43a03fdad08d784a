using System.Diagnostics;
using System.Net;

namespace Gemma2.Chaos.Tests.Processes;

/// <summary>
/// A network of the test's own, in which a public address is this machine's and a name leads to it: so callbacks, which go to public addresses alone, can be
/// posted and heard by real processes. Made of Linux's namespaces; no rights are needed where users may have these.
/// </summary>
internal static class OwnNetwork
{
    /// <summary>The name.</summary>
    public const string Host = "hooks.example.com";

    private const string Variable = "GEMMA2_CHAOS_NETWORK";

    private const string Hosts = $"127.0.0.1 localhost\n::1 localhost\n1.2.3.4 {Host}\n";

    // $1 is the file of host names; the rest is what to run.
    private const string Script = "ip link set lo up && ip address add 1.2.3.4/32 dev lo && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";

    /// <summary>Its public address.</summary>
    public static IPAddress Address { get; } = IPAddress.Parse("1.2.3.4");

    /// <summary>Whether this process runs in it.</summary>
    public static bool IsHere => Environment.GetEnvironmentVariable(Variable) is not null;

    /// <summary>Whether this machine lets it be made.</summary>
    public static async Task<bool> CanBeMadeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(["true"], _ => { }, cancellationToken) == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no unshare.
            return false;
        }
    }

    /// <summary>Runs a program in it, to its end; gives its exit code. Where this process ends first, so does the program.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> command, Action<string> say, CancellationToken cancellationToken)
    {
        string hosts = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(hosts, Hosts, cancellationToken);
            var info = new ProcessStartInfo("unshare", ["--user", "--map-root-user", "--net", "--mount", "--fork", "--kill-child", "sh", "-c", Script, "sh", hosts, .. command])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            info.Environment[Variable] = "1";
            using Process process = Process.Start(info)!;
            await using CancellationTokenRegistration registration = cancellationToken.Register(() => process.Kill(entireProcessTree: true));
            await Task.WhenAll(ReadAsync(process.StandardOutput, say), ReadAsync(process.StandardError, say));
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode;
        }
        finally
        {
            File.Delete(hosts);
        }
    }

    private static async Task ReadAsync(StreamReader output, Action<string> say)
    {
        while (await output.ReadLineAsync() is { } line) say(line);
    }
}
