using System.CommandLine;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Startup;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Startups;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 startup</c>: what a start waited for, stage by stage.</summary>
internal static class StartupCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string?> target = new("URL | MODEL")
        {
            Description = $"A running app, or a model to load here (without it: the app at {StartupClient.UrlVariable}, with the key in {StartupClient.KeyVariable}).",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> log = Values.Text("--log", "Read the starts from an app's log instead, or from what --json printed; - is stdin.", "FILE");
        Option<bool> json = Shared.Json();
        var engine = new EngineArguments();
        var command = new Command("startup", "Draw what a start waited for, from the process's begin to the first token.") { target, log };
        engine.AddTo(command);
        command.Add(json);
        command.Validators.Add(result =>
        {
            if (result.GetResult(log) is not null && result.GetResult(target) is { Tokens.Count: > 0 }) result.AddError("Give --log, or an app or a model, not both.");
        });
        command.SetAction(async (parse, cancellationToken) =>
        {
            IReadOnlyList<StartupReport> starts = parse.GetValue(log) is { } file
                ? await StartupFile.ReadAsync(file, cancellationToken)
                : await OfTargetAsync(Target(parse.GetValue(target)), engine.Read(parse), cancellationToken);
            if (parse.GetValue(json)) StartupOutput.WriteJson(starts);
            else StartupOutput.Draw(starts);
        });
        return command;
    }

    private static string Target(string? given)
    {
        if (given is not null) return given;
        string url = Environment.GetEnvironmentVariable(StartupClient.UrlVariable) is { Length: > 0 } set
            ? set
            : throw new StartupException($"Of what? Give the URL of an app, a MODEL or --log FILE, or set {StartupClient.UrlVariable}.");
        return StartupClient.IsUrl(url) ? url : throw new StartupException($"{StartupClient.UrlVariable} is '{url}'; allowed are http and https addresses.");
    }

    private static Task<IReadOnlyList<StartupReport>> OfTargetAsync(string target, EngineOptions options, CancellationToken cancellationToken) =>
        StartupClient.IsUrl(target) ? StartupClient.AskAsync(target, cancellationToken) : LoadAsync(target, options, cancellationToken);

    /// <summary>Loads a model as the app does, and lets it make a token.</summary>
    private static async Task<IReadOnlyList<StartupReport>> LoadAsync(string model, EngineOptions options, CancellationToken cancellationToken)
    {
        EngineOptions asApp = options with { Pipelines = options.Pipelines with { CompileAll = true } };
        await using InferenceEngine engine = await EngineLoader.LoadAsync(model, asApp, cancellationToken, warm: true);
        var request = new GenerationRequest { PromptTokens = [engine.Config.BeginToken], MaxTokens = 1 };
        await foreach (GeneratedToken token in engine.GenerateAsync(request, cancellationToken)) _ = token;
        return [ProcessTimeline.Current.Report()];
    }
}
