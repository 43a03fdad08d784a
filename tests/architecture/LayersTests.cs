using ArchUnitNET.Domain;
using ArchUnitNET.Loader;

using Assembly = System.Reflection.Assembly;

namespace Gemma2.Architecture.Tests;

/// <summary>Projects and the folders inside them form layers: arrows point one way. docs/architecture.md draws them.</summary>
public sealed class LayersTests
{
    private static readonly string[] Projects = ["Gemma2.Backend", "Gemma2.Grammars", "Gemma2.Storage", "Gemma2.Service", "Gemma2.Functions"];

    private static readonly ArchUnitNET.Domain.Architecture Loaded = new ArchLoader().LoadAssemblies([.. Projects.Select(Assembly.Load)]).Build();

    /// <summary>Whose folders are layers: all.</summary>
    public static TheoryData<string> Layered => new("Gemma2.Backend", "Gemma2.Grammars", "Gemma2.Storage", "Gemma2.Service", "Gemma2.Functions");

    [Theory]
    [MemberData(nameof(Layered))]
    public void Folders_OfAProject_FormNoCircle(string project)
    {
        Dictionary<string, HashSet<string>> uses = Loaded.Types.GroupBy(type => FolderOf(type, project)).Where(folder => folder.Key is not null).ToDictionary(
            folder => folder.Key!,
            folder => folder.SelectMany(Targets).Select(target => FolderOf(target, project)).OfType<string>()
                .Where(other => other != folder.Key).ToHashSet());

        Assert.True(uses.Count > 2, $"{project} has folders.");
        string circle = Circle(uses);
        Assert.True(circle.Length == 0, circle);
    }

    [Fact]
    public void Projects_InTheirOrder_UseOnlyThoseBefore()
    {
        foreach (IType type in Loaded.Types)
        {
            int own = Array.IndexOf(Projects, type.Assembly.Name.Split(',')[0]);
            Assert.All(Targets(type), target => Assert.True(Array.IndexOf(Projects, target.Assembly.Name.Split(',')[0]) <= own, $"{type.FullName} uses {target.FullName}"));
        }
    }

    // Type parameters and function pointers lie nowhere.
    private static IEnumerable<IType> Targets(IType type) => type.Dependencies.Select(dependency => dependency.Target).Where(target => target.Assembly is not null);

    /// <summary>A type's folder, as its namespace names it; null for what lies in the project's root, which puts the others together, or in another project.</summary>
    private static string? FolderOf(IType type, string project) =>
        type.Namespace.FullName.StartsWith(project + '.', StringComparison.Ordinal) ? type.Namespace.FullName[(project.Length + 1)..] : null;

    /// <summary>Takes away what uses nothing that is left, until nothing is left; what stays is a circle.</summary>
    private static string Circle(Dictionary<string, HashSet<string>> uses)
    {
        var left = new Dictionary<string, HashSet<string>>(uses);
        while (left.Keys.FirstOrDefault(folder => !left[folder].Overlaps(left.Keys)) is { } lowest)
            left.Remove(lowest);
        return string.Join("; ", left.Select(folder => $"{folder.Key} uses {string.Join(", ", folder.Value.Where(left.ContainsKey))}"));
    }
}
