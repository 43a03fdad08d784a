using System.Globalization;
using System.Text.RegularExpressions;

namespace Gemma2.Functions.Tests.Telemetry;

/// <summary>Reads Prometheus' text format 0.0.4, and takes nothing that is not exactly in it.</summary>
internal sealed partial class PrometheusText
{
    /// <summary>The type of each metric.</summary>
    public Dictionary<string, string> Types { get; } = [];

    /// <summary>Each sample, by its name and labels as they are written.</summary>
    public Dictionary<string, double> Samples { get; } = [];

    public static PrometheusText Parse(string text)
    {
        var read = new PrometheusText();
        var helped = new HashSet<string>();
        var closed = new HashSet<string>();
        string current = "";
        Assert.EndsWith("\n", text);
        foreach (string line in text[..^1].Split('\n'))
        {
            if (Help().Match(line) is { Success: true } help)
            {
                Assert.True(helped.Add(help.Groups[1].Value), $"HELP twice: {line}");
                continue;
            }
            if (Type().Match(line) is { Success: true } type)
            {
                Assert.True(read.Types.TryAdd(type.Groups[1].Value, type.Groups[2].Value), $"TYPE twice: {line}");
                continue;
            }
            Match sample = Sample().Match(line);
            Assert.True(sample.Success, $"neither HELP nor TYPE nor a sample: {line}");
            string name = sample.Groups[1].Value;
            Assert.True(read.Types.ContainsKey(name) && helped.Contains(name), $"a sample before its TYPE and HELP: {line}");
            // The samples of a metric are one group.
            if (name != current)
                Assert.True(closed.Add(name), $"apart from the others of its metric: {line}");
            current = name;
            string labels = sample.Groups[2].Value is "" or "{}" ? "" : sample.Groups[2].Value;
            Assert.True(read.Samples.TryAdd(name + labels, double.Parse(sample.Groups[3].Value, CultureInfo.InvariantCulture)), $"twice: {line}");
        }
        return read;
    }

    [GeneratedRegex(@"^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)*)$")]
    private static partial Regex Help();

    [GeneratedRegex("^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$")]
    private static partial Regex Type();

    [GeneratedRegex(@"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*=""(?:[^""\\]|\\\\|\\n|\\"")*"",?)*\})? (-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|NaN|[+-]Inf)$")]
    private static partial Regex Sample();
}
