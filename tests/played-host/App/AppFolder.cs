using System.Text.Json;

namespace Gemma2.PlayedHost.App;

/// <summary>The folder of an app, as a Functions host of version 4 reads it.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Executable">What starts the worker.</param>
/// <param name="WorkerPath">The worker's program, the first argument of <paramref name="Executable"/>.</param>
/// <param name="RoutePrefix">Stands before the routes of all functions.</param>
/// <param name="Queues">How messages are taken.</param>
internal sealed record AppFolder(string Path, string Executable, string WorkerPath, string RoutePrefix, QueueRules Queues)
{
    private const string Language = "dotnet-isolated";

    /// <summary>Reads a folder.</summary>
    /// <exception cref="PlayedHostException">It is none that a host can run as a .NET isolated worker with its extensions.</exception>
    public static AppFolder Read(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        JsonElement host = ReadJson(path, "host.json");
        if (host.Find("version")?.GetString() != "2.0") throw new PlayedHostException("host.json: version is not 2.0.");
        if (host.Find("customHandler") is not null) throw new PlayedHostException("host.json: customHandler makes the host start that instead of a worker.");
        JsonElement description = ReadJson(path, "worker.config.json").Find("description") ?? throw new PlayedHostException("worker.config.json has no description.");
        if (description.Find("language")?.GetString() != Language) throw new PlayedHostException($"worker.config.json: language is not {Language}.");
        string worker = System.IO.Path.Combine(path, description.Find("defaultWorkerPath")?.GetString() ?? "");
        if (!File.Exists(worker)) throw new PlayedHostException($"worker.config.json: {worker} is not there.");
        CheckExtensions(path);
        return new AppFolder(
            path, description.Find("defaultExecutablePath")?.GetString() ?? "dotnet", worker, host.Find("extensions", "http", "routePrefix")?.GetString() ?? "api",
            QueueRules.Read(host));
    }

    /// <summary>Reads a file of JSON.</summary>
    /// <exception cref="PlayedHostException">There is none.</exception>
    public static JsonElement ReadJson(string folder, string name)
    {
        string file = System.IO.Path.Combine(folder, name);
        if (!File.Exists(file)) throw new PlayedHostException($"{file} is not there.");
        return JsonElement.Parse(File.ReadAllText(file));
    }

    /// <summary>The part of a trigger that runs in the host comes with the app.</summary>
    private static void CheckExtensions(string path)
    {
        foreach (JsonElement extension in ReadJson(path, "extensions.json").GetProperty("extensions").EnumerateArray())
        {
            string library = extension.GetProperty("hintPath").GetString()!;
            if (!File.Exists(System.IO.Path.Combine(path, library))) throw new PlayedHostException($"extensions.json: {library} is not there.");
        }
    }
}
