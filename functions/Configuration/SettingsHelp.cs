using System.Reflection;
using System.Text.RegularExpressions;

namespace Gemma2.Functions.Configuration;

/// <summary>What <c>Gemma2.Functions --help</c> prints: the README's table of settings, as plain text.</summary>
internal static partial class SettingsHelp
{
    private const string Resource = "README.md";
    private const string Heading = "## Settings";

    private const string Usage = """
        Serves Gemma 2 over HTTP and storage queues, by itself or as the worker of an Azure Functions host.

        usage: Gemma2.Functions [--urls http://127.0.0.1:8080] [--Gemma2:NAME=VALUE ...]

        Settings are environment variables; those of the section Gemma2 can be given on the command line too.

        """;

    /// <summary>Whether the help is asked for.</summary>
    public static bool IsWanted(string[] arguments) => arguments.Any(argument => argument is "--help" or "-h" or "-?");

    /// <summary>Writes it.</summary>
    public static void Print(TextWriter output)
    {
        output.WriteLine(Usage);
        foreach ((string name, string value, string byDefault) in Settings())
            output.WriteLine($"{name}\n    {value}\n    Without it: {byDefault}\n");
    }

    /// <summary>Each setting's name, value and default.</summary>
    internal static IEnumerable<(string Name, string Value, string Default)> Settings()
    {
        using var readme = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource)!);
        string section = readme.ReadToEnd().Split(Heading, 2)[1].Split("\n## ", 2)[0];
        foreach (Match row in Row().Matches(section))
            yield return (row.Groups["name"].Value, Plain(row.Groups["value"].Value), Plain(row.Groups["default"].Value));
    }

    private static string Plain(string markdown) => Link().Replace(markdown, "${text}").Replace("`", "").Trim();

    [GeneratedRegex(@"^\| `(?<name>[A-Za-z0-9_]+)` \| (?<value>.*) \| (?<default>.*) \|\r?$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\([^)]*\)")]
    private static partial Regex Link();
}
