namespace Gemma2.Cli.Tests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma2-cli-tests-");

    /// <summary>Its path.</summary>
    public string Path => _folder.FullName;

    /// <summary>The path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a text file into it and gives its path.</summary>
    public string Write(string name, string text)
    {
        System.IO.File.WriteAllText(File(name), text);
        return File(name);
    }

    /// <summary>The names of its files, sorted.</summary>
    public IReadOnlyList<string> Files => [.. _folder.EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);
}
