using Gemma2.Benchmarks.Sides;

namespace Gemma2.Benchmarks.Startup;

/// <summary>The ways that are compared, each with folders of its own for what it keeps.</summary>
/// <param name="app">The published app's folder.</param>
/// <param name="host">The played Functions host; null leaves it out.</param>
/// <param name="stored">The model's name in blob storage; null leaves out what comes from there.</param>
/// <param name="storages">Connection strings, by what tables call them.</param>
/// <param name="isCached">Whether what comes from storage is also kept in a local cache.</param>
/// <param name="peers">Sides of llama.cpp's.</param>
/// <param name="state">Where caches go.</param>
internal sealed class Ways(string app, string? host, string? stored, IReadOnlyDictionary<string, string> storages, bool isCached, IReadOnlyList<string> peers, string state)
{
    private const string Stored = "blob:";

    private static readonly string Threads = $"{Environment.ProcessorCount}";

    /// <summary>All ways for a model.</summary>
    /// <param name="model">A folder or a .gguf file.</param>
    /// <param name="peerModel">The same as a .gguf file.</param>
    public IEnumerable<Way> Of(string model, string peerModel)
    {
        yield return App("app, from the disk", Path.GetFullPath(model), connection: null, caches: false);
        if (stored is not null)
        {
            foreach ((string name, string connection) in storages)
            {
                yield return App($"app, from {name}", $"{Stored}{stored}", connection, caches: false);
                if (isCached) yield return App($"app, from {name}, cached", $"{Stored}{stored}", connection, caches: true);
            }
        }
        if (host is not null && storages.Count > 0) yield return Hosted(Path.GetFullPath(model), storages.First().Value);
        yield return Engine("engine alone", SideName.Ours, peerModel);
        foreach (string peer in peers) yield return Engine(peer, peer, peerModel);
    }

    private Way App(string name, string model, string? connection, bool caches)
    {
        (Dictionary<string, string> environment, List<string> pipelines) = Caches(name);
        environment["Gemma2__Model"] = model;
        environment["AzureWebJobsStorage"] = connection ?? "";
        if (caches)
        {
            string folder = Path.Combine(FolderOf(name), "cache");
            environment["Gemma2__CacheFolder"] = folder;
            pipelines.Add(Path.Combine(folder, "pipelines"));
        }
        return new Way(name, Path.GetFullPath(Path.Combine(app, "Gemma2.Functions")), [], Served(environment), NameOf(model), pipelines);
    }

    private Way Hosted(string model, string connection)
    {
        const string name = "app under a played host";
        (Dictionary<string, string> environment, List<string> pipelines) = Caches(name);
        environment["Gemma2__Model"] = model;
        environment["AzureWebJobsStorage"] = connection;
        return new Way(name, Path.GetFullPath(host!), ["--app", Path.GetFullPath(app), "--urls", "http://127.0.0.1:0"], Served(environment), NameOf(model), pipelines);
    }

    private Way Engine(string name, string side, string model)
    {
        (Dictionary<string, string> environment, List<string> pipelines) = Caches(name);
        return new Way(name, Environment.ProcessPath!, [OneToken.Command, side, Path.GetFullPath(model), Threads], environment, ServedModel: null, pipelines);
    }

    // As the app names what it serves.
    private static string NameOf(string model) =>
        model.StartsWith(Stored, StringComparison.Ordinal) ? model[Stored.Length..] : File.Exists(model) ? Path.GetFileNameWithoutExtension(model) : Path.GetFileName(Path.TrimEndingDirectorySeparator(model));

    private static Dictionary<string, string> Served(Dictionary<string, string> environment) => new(environment)
    {
        ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        ["Gemma2__AllowSoftwareDevice"] = "true",
        ["DOTNET_RUNNING_IN_CONTAINER"] = "",
        ["CONTAINER_APP_NAME"] = "",
        // As few as can be: llama.cpp keeps the keys and values of one sequence.
        ["Gemma2__ContextLength"] = "512",
    };

    // Mesa's compiled shaders, and what the engine itself keeps in a user's folder.
    private (Dictionary<string, string> Environment, List<string> Pipelines) Caches(string name)
    {
        string shaders = Path.Combine(FolderOf(name), "shaders"), own = Path.Combine(FolderOf(name), "user");
        return (new() { ["MESA_SHADER_CACHE_DIR"] = shaders, ["XDG_CACHE_HOME"] = own, ["GGML_VK_VISIBLE_DEVICES"] = "0" }, [shaders, own]);
    }

    private string FolderOf(string name) => Path.Combine(state, string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')));
}
