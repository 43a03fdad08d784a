using System.Diagnostics;

namespace Gemma2.Storage.Tests.Models.Cache;

/// <summary>A disk of a megabyte in memory. Only root may mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>Mounts one; skips the calling test where that is not allowed.</summary>
    public static SmallDisk Mount(string folder)
    {
        Directory.CreateDirectory(folder);
        var disk = new SmallDisk(folder);
        if (!TryRun("mount", "-t", "tmpfs", "-o", "size=1m", "none", folder)) Assert.Skip("Only root may mount a small disk.");
        return disk;
    }

    public static void Run(params string[] command) => Assert.True(TryRun(command), string.Join(' ', command));

    public void Dispose() => Run("umount", "--lazy", _folder);

    private static bool TryRun(params string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
