using System.Globalization;
using Gemma2.Cli.Planning.Settings;

namespace Gemma2.Cli.Planning.Simulation;

/// <summary>How many requests come in each slot of a period that repeats; within a slot they come evenly.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Requests">Expected requests of each slot.</param>
/// <param name="SlotSeconds">Length of a slot.</param>
internal sealed record RateProfile(string Name, IReadOnlyList<double> Requests, double SlotSeconds)
{
    private const double SecondsAnHour = 3600;
    private const int HoursADay = 24;
    private const int MostHours = 8784;
    private const int MostRequestsAnHour = 100_000_000;

    private const string FlatName = "flat", DiurnalName = "diurnal", BurstName = "burst";

    /// <summary>The profiles that need no file.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } = [FlatName, DiurnalName, BurstName];

    /// <summary>What a built-in profile means, in words.</summary>
    public string Description => Name switch
    {
        FlatName => "flat: the same at any time",
        DiurnalName => "diurnal: a wave over the day, a fifth of the mean at 03:00, nine fifths at 15:00",
        BurstName => "burst: nine tenths in the first ten minutes of every sixth hour, the rest evenly",
        _ => $"{Name}, {Requests.Count} hours that repeat",
    };

    /// <summary>Expected requests an hour over the whole period.</summary>
    public double MeanPerHour => Requests.Sum() / (Requests.Count * SlotSeconds / SecondsAnHour);

    /// <summary>A profile whose mean is one request an hour, by name.</summary>
    public static RateProfile Named(string name) => name switch
    {
        DiurnalName => Day(name, slotsAnHour: 4, hour => 1 - (0.8 * Math.Cos(2 * Math.PI * (hour - 3) / HoursADay))),
        BurstName => Day(name, slotsAnHour: 6, hour => hour % 6 < 1.0 / 6 ? 0.1 + (0.9 * 36) : 0.1),
        _ => Day(FlatName, slotsAnHour: 1, _ => 1),
    };

    /// <summary>Reads CSV: a line <c>hour,requests</c> for each hour of the period, from 0 up; a heading in the first line and empty lines may be there.</summary>
    /// <param name="csv">The file's text.</param>
    /// <param name="file">The file's name.</param>
    /// <exception cref="PlanException">Names the line that is wrong.</exception>
    public static RateProfile Parse(string csv, string file)
    {
        var requests = new List<double>();
        foreach ((int index, string text) in csv.Split('\n').Index())
        {
            string line = text.Trim();
            if (line == "" || (index == 0 && line == "hour,requests")) continue;
            requests.Add(ReadLine(line.Split(','), requests.Count)
                ?? throw new PlanException($"{file}: line {index + 1} is '{PlanFile.Show(line)}'; allowed is '{requests.Count},REQUESTS' "
                    + $"with 0 to {Figures.Count(MostRequestsAnHour)} requests."));
            if (requests.Count > MostHours) throw new PlanException($"{file}: has more than {MostHours} hours.");
        }
        return requests.Count > 0
            ? new RateProfile(Path.GetFileName(file), requests, SecondsAnHour)
            : throw new PlanException($"{file}: has no line 'hour,requests'.");
    }

    /// <summary>The same shape with another mean.</summary>
    /// <exception cref="PlanException">The profile has no requests at all.</exception>
    public RateProfile WithMean(double requestsPerHour)
    {
        double mean = MeanPerHour;
        if (mean == 0 && requestsPerHour > 0)
            throw new PlanException($"{Name} has no requests, so it cannot be scaled to {Figures.Plain(requestsPerHour)} an hour.");
        return this with { Requests = [.. Requests.Select(slot => mean == 0 ? 0 : slot * requestsPerHour / mean)] };
    }

    /// <summary>Expected requests from the begin until a time.</summary>
    public double ExpectedUntil(double seconds)
    {
        double slots = seconds / SlotSeconds;
        double periods = Math.Floor(slots / Requests.Count);
        int whole = (int)Math.Floor(slots - (periods * Requests.Count));
        double part = slots - Math.Floor(slots);
        return (periods * Requests.Sum()) + Requests.Take(whole).Sum() + (part > 0 ? part * Requests[whole] : 0);
    }

    private static RateProfile Day(string name, int slotsAnHour, Func<double, double> requestsPerHourAt) => new(
        name,
        [.. Enumerable.Range(0, HoursADay * slotsAnHour).Select(slot => requestsPerHourAt((slot + 0.5) / slotsAnHour) / slotsAnHour)],
        SecondsAnHour / slotsAnHour);

    private static double? ReadLine(string[] cells, int hour) =>
        cells.Length == 2
        && int.TryParse(cells[0], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int number) && number == hour
        && double.TryParse(cells[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double requests) && requests >= 0 && requests <= MostRequestsAnHour
            ? requests
            : null;
}
