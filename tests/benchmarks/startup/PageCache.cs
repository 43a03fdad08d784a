using System.Runtime.InteropServices;

namespace Gemma2.Benchmarks.Startup;

/// <summary>The system's cache of files.</summary>
internal static partial class PageCache
{
    private const string Switch = "/proc/sys/vm/drop_caches";

    /// <summary>Whether this process may empty it.</summary>
    public static bool CanBeEmptied
    {
        get
        {
            try
            {
                using FileStream file = File.OpenWrite(Switch);
                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>Empties it, of clean pages, directory entries and inodes.</summary>
    public static void Empty()
    {
        Sync();
        File.WriteAllText(Switch, "3");
    }

    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void Sync();
}
