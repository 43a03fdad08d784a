using System.Reflection;
using System.Text.RegularExpressions;
using Gemma2.Service.Api;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Gemma2.Functions.Tests;

/// <summary>
/// docs/api.md against the service: each route has a section, called by its method and path, and each field of its requests a row in the section's table, which says what the field does, that it
/// is without effect, or that it is refused.
/// </summary>
public sealed partial class DocumentationTests
{
    private const string WithoutEffect = "without effect";
    private const string Refused = "refused";

    /// <summary>The tables of the sections: by route, the names of fields and what is said of each.</summary>
    private static readonly Dictionary<string, Dictionary<string, string>> Sections = ReadSections(File.ReadAllText(Path.Combine(Repository.Root, "docs/api.md")));

    /// <summary>Every list of fields in the service.</summary>
    private static readonly RouteFields[] Lists = [.. typeof(RouteFields).Assembly.GetTypes()
        .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .Where(field => field.FieldType == typeof(RouteFields))
        .Select(field => (RouteFields)field.GetValue(null)!)];

    /// <summary>The routes whose requests have fields.</summary>
    public static TheoryData<string> Routes => [.. Lists.Select(list => list.Route)];

    [Theory]
    [MemberData(nameof(Routes))]
    public void Fields_OfARoute_AreThoseOfItsTable(string route)
    {
        Assert.True(Sections.TryGetValue(route, out Dictionary<string, string>? rows), $"docs/api.md has no section '## {route}'.");
        RouteFields fields = Assert.Single(Lists, list => list.Route == route);
        AssertSame(fields.Honoured, Names(rows, text => Kind(text) is null), $"{route}: acted on");
        AssertSame(fields.Ignored, Names(rows, text => Kind(text) == WithoutEffect), $"{route}: {WithoutEffect}");
        AssertSame(fields.Refused, Names(rows, text => Kind(text) == Refused), $"{route}: {Refused}");
    }

    [Fact]
    public async Task Routes_OfTheApp_AreTheSections()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        string[] routes = [.. app.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().SelectMany(RoutesOf).Where(IsDescribed)];

        AssertSame(routes, Sections.Keys, "routes");
    }

    /// <summary>A table that says nothing of its fields is of a route that has none.</summary>
    [Fact]
    public void Sections_WithATable_HaveAListOfFields() =>
        AssertSame(Lists.Select(list => list.Route), Sections.Where(section => section.Value.Count > 0).Select(section => section.Key), "sections with a table");

    // HEAD is wherever GET is.
    private static IEnumerable<string> RoutesOf(RouteEndpoint endpoint) =>
        (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Where(method => method != "HEAD").Select(method => $"{method} {endpoint.RoutePattern.RawText!.Replace("**", "", StringComparison.Ordinal)}");

    /// <summary>Health is told in docs/operations.md; Azure's paths, and those for a Functions host that keeps /admin for itself, are other names of routes that have their sections.</summary>
    private static bool IsDescribed(string route) => route.Split(' ')[1] is not ("/" or "/healthz") and var path && !path.StartsWith("/openai/", StringComparison.Ordinal)
        && !path.StartsWith("/v1/admin/", StringComparison.Ordinal);

    private static string? Kind(string text) => new[] { WithoutEffect, Refused }.FirstOrDefault(kind => text.StartsWith(kind, StringComparison.Ordinal));

    private static IEnumerable<string> Names(Dictionary<string, string> rows, Func<string, bool> isWanted) => rows.Where(row => isWanted(row.Value)).Select(row => row.Key);

    private static void AssertSame(IEnumerable<string> expected, IEnumerable<string> actual, string what)
    {
        string[] missing = [.. expected.Except(actual).Order()], unknown = [.. actual.Except(expected).Order()];
        Assert.True(missing.Length + unknown.Length == 0, $"{what}: docs/api.md lacks [{string.Join(", ", missing)}] and has [{string.Join(", ", unknown)}] too many.");
    }

    private static Dictionary<string, Dictionary<string, string>> ReadSections(string text)
    {
        var sections = new Dictionary<string, Dictionary<string, string>>();
        foreach (string section in text.Split("\n## ").Skip(1))
        {
            string[] lines = section.Split('\n');
            Dictionary<string, string> rows = ReadRows(lines);
            foreach (string route in lines[0].Split(", ").Where(route => Route().IsMatch(route)))
                sections.Add(route, rows);
        }
        return sections;
    }

    /// <summary>The rows of a section's tables whose first column is that of the fields.</summary>
    private static Dictionary<string, string> ReadRows(string[] lines)
    {
        var rows = new Dictionary<string, string>();
        bool isFields = false;
        foreach (string line in lines)
        {
            string[] cells = line.Split(" | ");
            isFields = line.StartsWith("| field |", StringComparison.Ordinal) || (isFields && line.StartsWith('|'));
            if (!isFields || !cells[0].StartsWith("| `", StringComparison.Ordinal))
                continue;
            // What stands in brackets is a value, not a name.
            foreach (Match name in Name().Matches(Brackets().Replace(cells[0], "")))
                rows.Add(name.Groups[1].Value, cells[1]);
        }
        return rows;
    }

    [GeneratedRegex("^(GET|POST|DELETE) /\\S+$")]
    private static partial Regex Route();

    [GeneratedRegex("`([A-Za-z_]+)`")]
    private static partial Regex Name();

    [GeneratedRegex("\\(.*?\\)")]
    private static partial Regex Brackets();
}
