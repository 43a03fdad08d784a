using System.Globalization;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Models;

/// <summary>Writes a model's one file, and tells what it holds.</summary>
internal static class WrittenModelFile
{
    /// <summary>Writes the file under a progress bar and reports its types. A failure leaves nothing new behind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="force">Replace one that is there.</param>
    /// <param name="json">Report as JSON.</param>
    /// <param name="title">What the progress bar says.</param>
    /// <param name="write">Writes it.</param>
    /// <exception cref="IOException">There is such a file, or it cannot be written.</exception>
    public static async Task WriteAsync(string path, bool force, bool json, string title, Func<Stream, IProgress<LoadProgress>?, Task<WrittenModel>> write)
    {
        ModelFile.CheckNew(path, force);
        ModelFileReport report = await ProgressBar.RunAsync(title, async progress =>
        {
            WrittenModel? written = null;
            await AtomicFile.WriteAsync(path, async file => written = await write(file, progress));
            return new ModelFileReport(path, new FileInfo(path).Length, written!.Types, written.Notes);
        });
        foreach (string note in report.Notes) Console.Error.WriteLine($"gemma2: {note}");
        if (json) StandardOutput.WriteJson(report, CliJson.Document.ModelFileReport);
        else Print(report);
    }

    private static void Print(ModelFileReport report)
    {
        Tables.Print(["type", "tensors", "size", "share"], report.Types.Select(IReadOnlyList<string> (share) =>
        [
            share.Type.ToString(),
            share.Tensors.ToString(CultureInfo.InvariantCulture),
            Sizes.Describe(share.Bytes),
            string.Create(CultureInfo.InvariantCulture, $"{100.0 * share.Bytes / report.Types.Sum(other => other.Bytes):F1} %"),
        ]));
        Console.WriteLine();
        Console.WriteLine($"{report.File}: {Sizes.Describe(report.Bytes)}.");
    }
}

/// <summary>What <c>gemma2 quantize --json</c> and <c>gemma2 synthesize --json</c> print.</summary>
/// <param name="File">The file's path.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Types">The types of its tensors, the one with the most bytes first.</param>
/// <param name="Notes">What did not go as it was asked for.</param>
internal sealed record ModelFileReport(string File, long Bytes, IReadOnlyList<TypeShare> Types, IReadOnlyList<string> Notes);
