using System.Text.Json;
using System.Xml.Linq;
using Gemma2.Functions.Tests;

namespace Gemma2.Clients.Tests;

/// <summary>A client that people use.</summary>
/// <param name="name">What it is called in the table.</param>
/// <param name="package">The package that it comes in, and whose version the table tells.</param>
/// <param name="api">Which of the service's APIs it speaks.</param>
internal abstract class Client(string name, string package, string api)
{
    public string Name => name;

    public string Package => package;

    public string Api => api;

    /// <summary>The package's version, as this checkout pins it.</summary>
    public abstract string Version { get; }

    /// <summary>Why it cannot be tried on this machine; null where it can.</summary>
    public virtual string? Lacks => null;

    /// <summary>Tries all features: what went wrong with each, null where nothing did.</summary>
    public abstract Task<Dictionary<string, string?>> TryAsync(Service service);

    protected static string VersionFromNuGet(string package) =>
        XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .Single(entry => entry.Attribute("Include")!.Value == package).Attribute("Version")!.Value;

    protected static string VersionFromNpm(string package) =>
        JsonElement.Parse(File.ReadAllBytes(Path.Combine(Repository.Root, "tests/clients/package.json"))).GetProperty("dependencies").GetProperty(package).GetString()!;
}
