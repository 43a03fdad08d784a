using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gemma2.Benchmarks.Peers.Accuracy;
using Gemma2.Benchmarks.Sides;

namespace Gemma2.Benchmarks.Peers.Reports;

/// <summary>Everything that one run found.</summary>
/// <param name="Date">When it began.</param>
/// <param name="Command">Makes it again.</param>
/// <param name="Revision">Of this repository.</param>
/// <param name="Processor">The machine's.</param>
/// <param name="Threads">Used by both sides.</param>
/// <param name="System">Operating system and runtime.</param>
/// <param name="Comparisons">Speed.</param>
/// <param name="LogitErrors">Accuracy.</param>
internal sealed record Report(
    DateTime Date,
    string Command,
    string Revision,
    string Processor,
    int Threads,
    string System,
    IReadOnlyList<Comparison> Comparisons,
    IReadOnlyList<LogitError> LogitErrors)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>A report of this machine.</summary>
    public static Report Of(string command, string revision, int threads, IReadOnlyList<Comparison> comparisons, IReadOnlyList<LogitError> errors) => new(
        DateTime.UtcNow, command, revision, Machine.Processor, threads, Machine.System, comparisons, errors);

    /// <summary>The report for programs.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>The date as the tables show it.</summary>
    public string Day => Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
