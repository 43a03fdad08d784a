using System.Text.Json;
using Gemma2.Cli.Planning.Settings;

namespace Gemma2.Cli.Planning.Rates;

/// <summary>Rates of one replica from a file: measured, or assumed by whoever wrote it. Keys that a plan does not need are left alone.</summary>
/// <param name="Device">The device they are of.</param>
/// <param name="IsMeasured">False where they are somebody's assumption.</param>
/// <param name="Table">The rates.</param>
/// <param name="ColdStartSeconds">Time from a replica's creation until it takes messages; null where the file does not say.</param>
internal sealed record RatesFile(string Device, bool IsMeasured, RateTable Table, double? ColdStartSeconds)
{
    private const int MostSequences = 4096;
    private const double LowestRate = 1e-3;
    private const double HighestRate = 1e9;
    private const double LongestStart = 86_400;

    /// <summary>Reads the file's text.</summary>
    /// <exception cref="PlanException">Names the key and what is allowed.</exception>
    public static RatesFile Parse(string json, string file) => PlanFile.ReadObject(json, file, root => new RatesFile(
        Required(root, "device", file, "a text that is not empty", IsText).GetString()!,
        Required(root, "kind", file, "\"measured\" or \"assumed\"", kind => IsText(kind) && kind.GetString() is "measured" or "assumed").ValueEquals("measured"),
        ReadTable(root, file),
        root.TryGetProperty("cold_start_seconds", out _) ? Number(root, "cold_start_seconds", file, 0, LongestStart) : null));

    private static RateTable ReadTable(JsonElement root, string file)
    {
        const string key = "rates", allowed = "an array of objects: sequences is 1 in the first and grows from one to the next";
        JsonElement rates = Required(root, key, file, allowed, IsArrayOfObjects);
        RatePoint[] points = [.. rates.EnumerateArray().Select(point => ReadPoint(point, file))];
        bool ascends = points is [{ Sequences: 1 }, ..] && points.Zip(points.Skip(1)).All(pair => pair.First.Sequences < pair.Second.Sequences);
        return ascends ? new RateTable(points) : throw Wrong(key, "an array in another order", file, allowed);
    }

    private static RatePoint ReadPoint(JsonElement point, string file) => new(
        (int)Number(point, "sequences", file, 1, MostSequences, isWhole: true),
        Number(point, "prompt_tokens_per_second", file, LowestRate, HighestRate),
        Number(point, "decode_tokens_per_second", file, LowestRate, HighestRate));

    private static double Number(JsonElement parent, string key, string file, double lowest, double highest, bool isWhole = false)
    {
        string allowed = $"{(isWhole ? "a whole number" : "a number")} from {Figures.Plain(lowest)} to {Figures.Plain(highest)}";
        return Required(parent, key, file, allowed, IsAllowed).GetDouble();

        bool IsAllowed(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double number)
            && number >= lowest && number <= highest && (!isWhole || double.IsInteger(number));
    }

    private static JsonElement Required(JsonElement parent, string key, string file, string allowed, Func<JsonElement, bool> isAllowed)
    {
        if (!parent.TryGetProperty(key, out JsonElement value)) throw new PlanException($"{file}: {key} is missing; allowed is {allowed}.");
        return isAllowed(value) ? value : throw Wrong(key, PlanFile.Show(value), file, allowed);
    }

    private static bool IsText(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString() != "";

    private static bool IsArrayOfObjects(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(point => point.ValueKind == JsonValueKind.Object);

    private static PlanException Wrong(string key, string value, string file, string allowed) => new($"{file}: {key} is {value}; allowed is {allowed}.");
}
