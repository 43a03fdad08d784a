using System.Collections.Concurrent;
using System.Text.Json;
using Gemma2.Functions.Tests;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>Predicts, in a copy of the sources, what a deployment of each parameter file would make: those of infra/bicep, and those that only tests have.</summary>
public sealed class Deployments : IDisposable
{
    /// <summary>Where the predicted deployments go to: names are made from the resource group's id.</summary>
    internal static readonly string[] Scope =
        ["--subscription-id", "00000000-0000-0000-0000-000000000000", "--resource-group", "gemma2", "--location", "swedencentral", "--deployment-name", "main"];

    // Lazy: two tests that ask for one deployment at once must not both write its snapshot.
    private readonly ConcurrentDictionary<string, Lazy<Task<Deployment>>> _deployments = new();
    private readonly Lazy<Task<JsonElement>> _template;

    /// <summary>Copies the sources.</summary>
    public Deployments()
    {
        Copy = CopySources();
        _template = new(BuildAsync);
    }

    /// <summary>The folder infra/bicep.</summary>
    public static string Sources { get; } = Path.Combine(Repository.Root, "infra/bicep");

    private static string SourcesForTests { get; } = Path.Combine(Repository.Root, "tests/infra/deployments");

    /// <summary>The parameter files that users deploy, without their extension.</summary>
    public static IReadOnlyList<string> Shipped { get; } = Names(Sources);

    /// <summary>The parameter files that only tests have: other hosts, stages and every option.</summary>
    public static IReadOnlyList<string> ForTests { get; } = Names(SourcesForTests);

    /// <summary>All of them.</summary>
    public static TheoryData<string> All { get; } = [.. Shipped, .. ForTests];

    /// <summary>A folder with main.bicep, its modules and all parameter files, which tests may write to.</summary>
    public string Copy { get; }

    /// <summary>main.bicep as Azure gets it.</summary>
    internal Task<JsonElement> TemplateAsync() => _template.Value;

    /// <summary>What a deployment of a parameter file would make.</summary>
    internal Task<Deployment> PredictAsync(string name) => _deployments.GetOrAdd(name, name => new(() => RunPredictionAsync(name))).Value;

    /// <summary>How a committed snapshot differs from what a deployment would make now, as the Bicep CLI tells it.</summary>
    internal async Task<string> DifferenceAsync(string name, string committed)
    {
        await File.WriteAllTextAsync(Path.Combine(Copy, $"{name}.snapshot.json"), committed);
        return (await BicepCli.RunAsync(Copy, ["snapshot", $"{name}.bicepparam", "--mode", "validate", .. Scope])).Output;
    }

    /// <summary>Makes a folder with main.bicep, its modules and all parameter files.</summary>
    public static string CopySources()
    {
        string target = Directory.CreateTempSubdirectory("gemma2-bicep-").FullName;
        Directory.CreateDirectory(Path.Combine(target, "modules"));
        foreach (string folder in new[] { Sources, SourcesForTests })
            foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
                File.Copy(file, Path.Combine(target, Path.GetRelativePath(folder, file)));
        return target;
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Copy, recursive: true);

    private static string[] Names(string folder) => [.. Directory.GetFiles(folder, "*.bicepparam").Select(file => Path.GetFileNameWithoutExtension(file)).Order()];

    private async Task<Deployment> RunPredictionAsync(string name)
    {
        string snapshot = Path.Combine(Copy, $"{name}.snapshot.json");
        File.Delete(snapshot);
        (int exitCode, string output) = await BicepCli.RunAsync(Copy, ["snapshot", $"{name}.bicepparam", .. Scope]);
        Assert.True(exitCode == 0 && output.Length == 0, output);
        return new Deployment(await File.ReadAllTextAsync(snapshot));
    }

    private async Task<JsonElement> BuildAsync()
    {
        (int exitCode, string output) = await BicepCli.RunAsync(Copy, "build", "main.bicep", "--stdout");
        Assert.True(exitCode == 0, output);
        return JsonElement.Parse(output);
    }
}
