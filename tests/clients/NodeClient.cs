using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gemma2.Functions.Tests;

namespace Gemma2.Clients.Tests;

/// <summary>A client for node: a script tries all features and tells of each in a line of JSON.</summary>
/// <param name="script">The script, in the folder <c>node</c>.</param>
/// <param name="argument">Which of its ways to ask; "" where it has one.</param>
internal sealed class NodeClient(string name, string package, string api, string script, string argument = "") : Client(name, package, api)
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests/clients");

    public override string Version => VersionFromNpm(Package);

    public override string? Lacks => Directory.Exists(Path.Combine(Folder, "node_modules")) ? null : "The clients for node are not installed: run 'npm ci --prefix tests/clients --ignore-scripts'.";

    public override async Task<Dictionary<string, string?>> TryAsync(Service service)
    {
        var info = new ProcessStartInfo("node", [Path.Combine(Folder, "node", script + ".mjs"), argument]) { RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["SERVICE_URL"] = service.Url.ToString().TrimEnd('/');
        info.Environment["SERVICE_MODEL"] = Service.Model;
        info.Environment["SERVICE_KEY"] = Service.Key;
        info.Environment["PROMPT_TOKENS"] = service.PromptTokens.ToString(CultureInfo.InvariantCulture);
        using Process process = Process.Start(info)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        string said = $"{output}{await errors}";
        Dictionary<string, string?> told = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.StartsWith('{')).Select(line => JsonElement.Parse(line))
            .ToDictionary(line => line.GetProperty("feature").GetString()!, line => line.GetProperty("error").GetString());
        return Feature.All.ToDictionary(feature => feature, feature => told.TryGetValue(feature, out string? error) ? error : $"The script does not tell of it: {said}");
    }
}
