using Spectre.Console;

namespace Gemma2.Cli.Terminal;

/// <summary>Facts in columns on stdout: coloured on a terminal, plain text that never wraps elsewhere.</summary>
internal static class Tables
{
    private const int NeverWrap = 10_000;

    /// <summary>Prints rows under their headings.</summary>
    public static void Print(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        using StreamWriter output = StandardOutput.OpenWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
            Out = new AnsiConsoleOutput(output),
        });
        if (Console.IsOutputRedirected) console.Profile.Width = NeverWrap;

        var grid = new Grid();
        foreach (string _ in headings) grid.AddColumn(new GridColumn().Padding(0, 0, 2, 0));
        grid.AddRow([.. headings.Select(h => new Text(h, new Style(decoration: Decoration.Bold)))]);
        foreach (IReadOnlyList<string> row in rows) grid.AddRow([.. row.Select(cell => new Text(cell))]);
        console.Write(grid);
    }
}
