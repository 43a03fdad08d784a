using System.Text.RegularExpressions;

namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>One instruction of a Dockerfile.</summary>
/// <param name="Stage">The stage that it is in; empty before the first FROM.</param>
/// <param name="Keyword">FROM, RUN ...</param>
/// <param name="Text">All behind the keyword, continued lines joined.</param>
internal sealed record Instruction(string Stage, string Keyword, string Text)
{
    /// <summary>The text's words.</summary>
    public string[] Words => Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>The repository's Dockerfile and .dockerignore, read as a builder reads them.</summary>
internal static partial class Dockerfile
{
    /// <summary>All instructions in their order.</summary>
    public static IReadOnlyList<Instruction> Instructions { get; } = Parse(File.ReadAllText(Path.Combine(Script.Root, "Dockerfile")));

    /// <summary>The stages that images are made of.</summary>
    public static TheoryData<string> Images => ["app", "functions"];

    /// <summary>The instructions of one kind in one stage.</summary>
    public static IEnumerable<Instruction> In(string stage, string keyword) => Instructions.Where(instruction => instruction.Stage == stage && instruction.Keyword == keyword);

    /// <summary>The sources in the repository and the target of every COPY that does not copy from another stage.</summary>
    public static IEnumerable<(string Stage, string[] Sources, string Target)> Copies => Instructions
        .Where(instruction => instruction.Keyword == "COPY" && !instruction.Text.StartsWith("--from=", StringComparison.Ordinal))
        .Select(instruction => (instruction.Stage, instruction.Words[..^1], instruction.Words[^1]));

    /// <summary>The files that a COPY of a path takes: those that .dockerignore lets through.</summary>
    public static IEnumerable<string> FilesOf(string source)
    {
        string path = Path.Combine(Script.Root, source);
        IEnumerable<string> files = Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) : File.Exists(path) ? [path] : [];
        return files.Select(file => Path.GetRelativePath(Script.Root, file)).Where(file => !IsIgnored(file));
    }

    // The last pattern that matches a path or a folder above it decides.
    private static bool IsIgnored(string path)
    {
        bool ignored = false;
        foreach (string line in File.ReadAllLines(Path.Combine(Script.Root, ".dockerignore")).Where(line => line.Length > 0 && line[0] != '#'))
        {
            if (PatternOf(line.TrimStart('!')).IsMatch(path)) ignored = line[0] != '!';
        }
        return ignored;
    }

    private static Regex PatternOf(string glob) =>
        new("^" + Regex.Escape(glob).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal) + "(/.*)?$");

    private static List<Instruction> Parse(string text)
    {
        string stage = "";
        var instructions = new List<Instruction>();
        foreach (string line in Continuation().Replace(Comment().Replace(text, ""), " ").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(' ', 2);
            if (parts[0] == "FROM") stage = parts[1].Split(" AS ")[1];
            instructions.Add(new Instruction(stage, parts[0], parts[1].Trim()));
        }
        return instructions;
    }

    [GeneratedRegex(@"^#.*\n", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continuation();
}
