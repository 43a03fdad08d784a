using Gemma2.Backend.Formats.Files;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Models;

/// <summary>Writes a model's one file.</summary>
internal static class ModelFile
{
    /// <summary>Writes the file under a progress bar and reports it. A failure leaves nothing new behind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="force">Replace one that is there.</param>
    /// <param name="json">Report as JSON.</param>
    /// <param name="title">What the progress bar says.</param>
    /// <param name="write">Writes it.</param>
    /// <exception cref="IOException">There is such a file, or it cannot be written.</exception>
    public static async Task WriteAsync(string path, bool force, bool json, string title, Func<Stream, IProgress<LoadProgress>?, Task> write)
    {
        CheckNew(path, force);
        FileReport report = await ProgressBar.RunAsync(title, async progress =>
        {
            await AtomicFile.WriteAsync(path, file => write(file, progress));
            return new FileReport(path, new FileInfo(path).Length);
        });
        if (json) StandardOutput.WriteJson(report, CliJson.Document.FileReport);
        else Console.WriteLine(report.Describe());
    }

    /// <summary>Makes sure that nothing is lost.</summary>
    /// <exception cref="IOException">There is such a file, and it is not to be replaced.</exception>
    public static void CheckNew(string path, bool force)
    {
        if (File.Exists(path) && !force) throw new IOException($"{path} exists; --force replaces it.");
    }
}

/// <summary>What <c>gemma2 merge --json</c> prints.</summary>
/// <param name="File">The path of the file, or of the folder.</param>
/// <param name="Bytes">Its length, or that of its files together.</param>
internal sealed record FileReport(string File, long Bytes)
{
    /// <summary>The same for a person.</summary>
    public string Describe() => $"{File}: {Sizes.Describe(Bytes)}.";
}
