using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gemma2.Benchmarks.Sides;

namespace Gemma2.Benchmarks.Serving.Reports;

/// <summary>Everything that one run found.</summary>
/// <param name="Date">When it began.</param>
/// <param name="Command">Makes it again.</param>
/// <param name="Model">Name of the file.</param>
/// <param name="Processor">The machine's.</param>
/// <param name="System">Operating system and runtime.</param>
/// <param name="Slots">Sequences that either side works on at once.</param>
/// <param name="Context">Longest sequence.</param>
/// <param name="LoadAverage">Of the machine, over the last minute, when it began.</param>
/// <param name="Sides">What ran, by side.</param>
/// <param name="Scenarios">What was found.</param>
internal sealed record ServingReport(
    DateTime Date,
    string Command,
    string Model,
    string Processor,
    string System,
    int Slots,
    int Context,
    double LoadAverage,
    IReadOnlyDictionary<string, SideDescription> Sides,
    IReadOnlyList<ScenarioReport> Scenarios)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>The report for programs.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>The report for people.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Model}, {Slots} slots on each side, at most {Context} tokens a sequence. Measured {Date:yyyy-MM-dd} with `{Command}`: ");
        text.Append(CultureInfo.InvariantCulture, $"{Processor}, {Environment.ProcessorCount} processors, load {LoadAverage:0.0} before it began, {System}.\n");
        text.Append("Ours is asked in its own process through IInferenceEngine, as the HTTP endpoints ask it; llama.cpp through its C interface, with slots as its server has them.\n\n");
        foreach ((string name, SideDescription side) in Sides)
            text.Append(CultureInfo.InvariantCulture, $"- {name}: {side.Engine}, {side.Backend}, loaded in {Digits.Of(side.LoadSeconds)} s\n");
        foreach (ScenarioReport scenario in Scenarios) Append(text, scenario);
        return text.ToString();
    }

    private static void Append(StringBuilder text, ScenarioReport scenario)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n### {scenario.Name}\n\n{scenario.Shows}\n\n{scenario.Reading}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"| case | side | {string.Join(" | ", scenario.Columns.Select(column => column.Heading))} |\n");
        text.Append(CultureInfo.InvariantCulture, $"|---|---|{string.Concat(scenario.Columns.Select(_ => "---|"))}\n");
        foreach (Row row in scenario.Rows)
            text.Append(CultureInfo.InvariantCulture, $"| {row.Case} | {row.Side} | {string.Join(" | ", scenario.Columns.Select(column => Cell(row, column)))} |\n");
    }

    private static string Cell(Row row, Column column)
    {
        if (!row.Values.TryGetValue(column.Key, out double value)) return "";
        string digits = column.Key == "other_work" ? value.ToString("P0", CultureInfo.InvariantCulture) : Digits.Of(value);
        return column.Heading.Contains("**", StringComparison.Ordinal) ? $"**{digits}**" : digits;
    }
}
