using System.Globalization;

namespace Gemma2.Benchmarks.Masks;

/// <summary>The figures as a table.</summary>
internal static class MaskTables
{
    // Published with MaskBench (arXiv:2501.10868) for all 11,306 schemas, one thread, a vocabulary of 128,000 pieces.
    private static readonly string[][] Published =
    [
        ["LLGuidance", "78.8 %", "2,377", "20", "0", "46 / 77 / 533", "", "1,037 / 17,988"],
        ["XGrammar", "71.8 %", "90", "1,408", "1,368", "9 / 99 / 5,687", "", "919,459 / timeout"],
        ["llama.cpp", "57.5 %", "1,301", "2,850", "649", "17,021 / 26,818 / 60,371", "", "312 / 28,558"],
        ["Outlines", "62.4 %", "1,773", "1,415", "822", "34 / 6,043 / 7,184", "", "587,900 / 413,111,222"],
    ];

    /// <summary>The table in Markdown.</summary>
    /// <param name="figures">Ours.</param>
    /// <param name="load">The machine's load when they were taken.</param>
    public static string Write(MaskFigures figures, string load)
    {
        string[] ours =
        [
            "ours", Text($"{100.0 * figures.Passed / figures.Files:f1} %"), Text($"{figures.CompileErrors:n0}"), Text($"{figures.ValidRefused:n0}"), Text($"{figures.InvalidTaken:n0}"),
            Text($"{figures.Mask(50):n0} / {figures.Mask(90):n0} / {figures.Mask(99):n0}"), Text($"{figures.Mask(100):n0}"), Text($"{figures.Compilation(50):n0} / {figures.Compilation(99):n0}"),
        ];
        string[][] rows =
        [
            ["", "schemas passing", "compile errors", "valid refused", "invalid taken", "mask p50 / p90 / p99, µs", "mask max, µs", "compiling p50 / p99, µs"],
            ["---", "---", "---", "---", "---", "---", "---", "---"], ours, .. Published,
        ];
        return string.Concat(rows.Select(row => $"| {string.Join(" | ", row)} |\n"))
            + Text($"\nOurs: {figures.Files:n0} schemas, {figures.Masks:n0} masks, {Environment.ProcessorCount} processors with a load of {load} over the last minute.\n");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
