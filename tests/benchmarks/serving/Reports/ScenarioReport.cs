namespace Gemma2.Benchmarks.Serving.Reports;

/// <summary>What a scenario found.</summary>
/// <param name="Name">The scenario's.</param>
/// <param name="Shows">What it shows.</param>
/// <param name="Reading">How to read it.</param>
/// <param name="Columns">The table's columns.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Plot">Which of it is drawn; null for nothing.</param>
internal sealed record ScenarioReport(string Name, string Shows, string Reading, IReadOnlyList<Column> Columns, IReadOnlyList<Row> Rows, Plot? Plot = null);

/// <summary>A column of a table.</summary>
/// <param name="Key">Its values' key in <see cref="Row.Values"/>.</param>
/// <param name="Heading">As the table shows it.</param>
internal sealed record Column(string Key, string Heading);

/// <summary>A row of a table: one case on one side. Times are in seconds.</summary>
/// <param name="Case">What was run.</param>
/// <param name="Side">On which side.</param>
/// <param name="Values">By column; one that is not there is no figure of this side.</param>
internal sealed record Row(string Case, string Side, IReadOnlyDictionary<string, double> Values);

/// <summary>Lines over a logarithmic axis, one a side.</summary>
/// <param name="Title">What they show.</param>
/// <param name="Across">The column along the axis.</param>
/// <param name="Up">The column that is drawn.</param>
internal sealed record Plot(string Title, string Across, string Up);
