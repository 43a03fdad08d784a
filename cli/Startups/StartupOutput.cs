using System.Text.Json;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Terminal;
using Spectre.Console;

namespace Gemma2.Cli.Startups;

/// <summary>Prints starts.</summary>
internal static class StartupOutput
{
    // Where there is no terminal that has one.
    private const int Width = 110;

    /// <summary>Draws starts on stdout, a blank line between two.</summary>
    public static void Draw(IReadOnlyList<StartupReport> reports)
    {
        using StreamWriter output = StandardOutput.OpenWriter();
        for (int i = 0; i < reports.Count; i++)
        {
            if (i > 0) output.WriteLine();
            Draw(reports[i], output, Console.IsOutputRedirected);
        }
    }

    /// <summary>Draws what this process waited for on stderr.</summary>
    public static void DrawOwn() => Draw(ProcessTimeline.Current.Report(), Console.Error, Console.IsErrorRedirected);

    /// <summary>Prints starts as <c>GET /startup</c> does, newest first.</summary>
    public static void WriteJson(IReadOnlyList<StartupReport> reports)
    {
        using Stream output = Console.OpenStandardOutput();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, Encoder = CliJson.Document.Options.Encoder }))
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            foreach (StartupReport report in reports.Reverse()) StartupJson.Write(json, report);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        output.WriteByte((byte)'\n');
    }

    /// <summary>A start as a value of a larger document.</summary>
    public static JsonElement ToJson(StartupReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream)) StartupJson.Write(json, report);
        return JsonElement.Parse(stream.ToArray());
    }

    private static void Draw(StartupReport report, TextWriter output, bool isRedirected)
    {
        if (isRedirected)
        {
            foreach (StartupLine line in StartupText.Draw(report, Width)) output.Write($"{line.Text}\n");
            return;
        }
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        foreach (StartupLine line in StartupText.Draw(report, console.Profile.Width))
            console.Write(new Text($"{line.Text}\n", line.IsTheWait ? new Style(Color.Yellow) : Style.Plain));
    }
}
