using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Gemma2.Backend.Kernels.Check;

/// <summary>
/// Which checks passed, so that not every start makes them again: in this process, and for this build as empty files in a folder. Where that cannot be written,
/// the next process checks anew.
/// </summary>
/// <param name="folder">Where the files are, a hash of the check each; null keeps nothing beyond the process.</param>
internal sealed class CheckMemory(string? folder)
{
    private static readonly Guid _build = typeof(CheckMemory).Module.ModuleVersionId;

    private static readonly ConcurrentDictionary<string, CheckMemory> _all = new();

    private readonly ConcurrentDictionary<string, bool> _passed = new();

    /// <summary>The memory of a folder: the same for all who ask in this process.</summary>
    public static CheckMemory Of(string? folder) => _all.GetOrAdd(folder ?? "", _ => new CheckMemory(folder));

    /// <summary>Whether a check passed before.</summary>
    /// <param name="check">What was checked, on which device and driver.</param>
    public bool HasPassed(string check) => _passed.ContainsKey(check) || (FileOf(check) is { } file && File.Exists(file));

    /// <summary>Remembers that a check passed.</summary>
    public void Remember(string check)
    {
        _passed[check] = true;
        if (FileOf(check) is not { } file) return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.Create(file).Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A read-only root, or a full disk.
        }
    }

    private string? FileOf(string check) => folder is null ? null
        : Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{_build}\n{check}")).AsSpan(0, 16)));
}
