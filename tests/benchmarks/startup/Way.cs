namespace Gemma2.Benchmarks.Startup;

/// <summary>A way to a first token.</summary>
/// <param name="Name">As tables have it.</param>
/// <param name="Program">What is started.</param>
/// <param name="Arguments">With these.</param>
/// <param name="Environment">And these variables.</param>
/// <param name="ServedModel">The model's name, where it is the app, which is asked over HTTP; null for a process that says that the token is there.</param>
/// <param name="Caches">Folders that belong to compiled pipelines: they are emptied where these are to be cold.</param>
internal sealed record Way(string Name, string Program, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string? ServedModel, IReadOnlyList<string> Caches)
{
    /// <summary>Whether it is llama.cpp.</summary>
    public bool IsTheirs => Name.StartsWith("llama.cpp", StringComparison.Ordinal);

    /// <summary>Lets all pipelines be compiled anew.</summary>
    public void ForgetPipelines()
    {
        foreach (string folder in Caches.Where(Directory.Exists)) Directory.Delete(folder, recursive: true);
    }
}
