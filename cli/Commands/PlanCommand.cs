using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Planning;
using Gemma2.Cli.Planning.Report;
using Gemma2.Cli.Planning.Settings;
using Gemma2.Cli.Planning.Simulation;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 plan</c>: how many replicas a load needs, how long requests wait, what it costs. Needs no GPU, no model and no account.</summary>
internal static class PlanCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string?> file = new("SCENARIO") { Description = "A JSON file of settings; options override it.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> svg = Values.Text("--svg", "Write a plot of queue length, replicas and cost.", "FILE");
        Option<bool> json = Shared.Json();
        var command = new Command("plan", "Simulate queue, cold starts and replicas, and say what they cost. docs/capacity.md explains it.") { file };
        foreach (Setting setting in PlanSettings.All) command.Add(setting.Option);
        command.Add(svg);
        command.Add(json);
        command.Validators.Add(result => RequireModel(result, file));
        command.SetAction(async (parse, cancellationToken) =>
        {
            Plan plan = PlanBuilder.Build(ReadScenario(parse.GetValue(file)).With(Scenario.Given(parse)));
            var report = PlanReport.Of(plan, Simulator.Run(plan.Simulation, cancellationToken));
            if (parse.GetValue(svg) is { } path) await AtomicFile.WriteAsync(path, stream => PlanSvg.WriteAsync(stream, report));
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.PlanReport);
            else PlanText.Print(report);
        });
        return command;
    }

    private static void RequireModel(CommandResult result, Argument<string?> file)
    {
        Setting[] required = [PlanSettings.Model, PlanSettings.Type, PlanSettings.Gpu];
        if (result.GetResult(file) is { Tokens.Count: > 0 }) return;
        if (required.FirstOrDefault(setting => result.GetResult(setting.Option) is null) is { } missing)
            result.AddError($"Give a scenario, or {missing.OptionName} too.");
    }

    private static Scenario ReadScenario(string? file) => file is null ? Scenario.Empty : Scenario.Parse(PlanFile.ReadText(file), file);
}
