using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Gemma2.Testing;

/// <summary>A signal of Linux, by its number there.</summary>
internal enum Signal
{
    /// <summary>Ends a process at once; it learns nothing of it.</summary>
    Kill = 9,

    /// <summary>Asks a process to end.</summary>
    Term = 15,

    /// <summary>Takes a process off the processor; it does not learn of that either.</summary>
    Stop = 19,

    /// <summary>Lets a stopped process go on.</summary>
    Continue = 18,
}

/// <summary>Sends signals.</summary>
internal static partial class Signals
{
    /// <summary>Sends a signal, unless the process has ended.</summary>
    public static void Send(this Process process, Signal signal)
    {
        try
        {
            if (!process.HasExited) _ = Kill(process.Id, (int)signal);
        }
        catch (InvalidOperationException)
        {
            // It has ended, and its handle was given up.
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
