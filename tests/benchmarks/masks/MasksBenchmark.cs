using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Gemma2.Benchmarks.Masks;

/// <summary>Runs <c>gemma2 masks</c> over a folder of MaskBench's files and puts its figures beside those that were published for other engines.</summary>
internal static class MasksBenchmark
{
    /// <summary>The command line.</summary>
    public static RootCommand CreateCommand()
    {
        var vocabulary = new Argument<string>("VOCABULARY") { Description = "A tokenizer.model or a model." };
        var folder = new Argument<DirectoryInfo>("FOLDER") { Description = "Its *.json are files of MaskBench's form." };
        folder.AcceptExistingOnly();
        var markdown = new Option<string?>("--markdown") { Description = "Gets the table, which is printed in any case." };
        var command = new RootCommand("Judges the masks of a folder of MaskBench's schemas and prints the figures beside published ones.") { vocabulary, folder, markdown };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string[] files = [.. parse.GetRequiredValue(folder).GetFiles("*.json").Select(file => file.FullName).Order(StringComparer.Ordinal)];
            if (files.Length == 0) throw new FileNotFoundException($"There is no *.json in {parse.GetRequiredValue(folder)}.");
            MaskFigures figures = new();
            await RunAsync(parse.GetRequiredValue(vocabulary), files, figures, cancellationToken);
            string table = MaskTables.Write(figures, File.ReadAllText("/proc/loadavg").Split(' ')[0]);
            Console.Write(table);
            foreach (string wrong in figures.Wrong) Console.Error.WriteLine(wrong);
            if (parse.GetValue(markdown) is { } path) await File.WriteAllTextAsync(path, table, cancellationToken);
        });
        return command;
    }

    private static async Task RunAsync(string vocabulary, string[] files, MaskFigures figures, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "gemma2"), ["masks", vocabulary, .. files]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            using JsonDocument answer = JsonDocument.Parse(line);
            using JsonDocument file = JsonDocument.Parse(await File.ReadAllBytesAsync(answer.RootElement.GetProperty("file").GetString()!, cancellationToken), new JsonDocumentOptions { MaxDepth = 1000 });
            figures.Add(answer.RootElement, file.RootElement);
        }

        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"gemma2 masks ended with {process.ExitCode}."));
    }
}
