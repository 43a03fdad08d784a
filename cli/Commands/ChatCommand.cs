using System.CommandLine;
using System.Text;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Chat;
using Gemma2.Cli.Models;
using Gemma2.Cli.Startups;
using Gemma2.Cli.Terminal;
using Gemma2.Grammars.Tools;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 chat</c>: talks with a model, turn by turn.</summary>
internal static class ChatCommand
{
    /// <summary>The command's name.</summary>
    public const string Name = "chat";

    private const double DefaultTemperature = 0;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Option<string?> system = Shared.System("Say how to answer: it goes in front of the first message.");
        Option<string?> tools = Values.Text("--tools", "Let the model call these functions, a JSON array as in a request; /result gives back what one returns.", "FILE.json");
        Option<bool> showPrompt = new("--show-prompt") { Description = "Show on stderr what the model gets, control tokens by name." };
        Option<string?> generationConfig = Shared.GenerationConfig();
        Option<bool> startup = Shared.Startup();
        var sampling = new SamplingArguments("to the end of the context", $"{DefaultTemperature}");
        var engine = new EngineArguments();

        var command = new Command(Name, "Talk with a model. Each line of stdin is a message; /help tells what else can be entered.") { model, system, tools };
        sampling.AddTo(command);
        command.Add(generationConfig);
        engine.AddTo(command);
        command.Add(showPrompt);
        command.Add(startup);
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetRequiredValue(model),
            engine.Read(parse) with { UsesSamplingDefaults = parse.GetValue(generationConfig) != Shared.NoGenerationConfig },
            new ChatSession(parse.GetValue(system)),
            loaded => new ChatSettings(sampling.Read(parse, DefaultTemperature, loaded.SamplingDefaults), parse.GetValue(sampling.MaxTokens), parse.GetValue(showPrompt)),
            parse.GetValue(tools),
            parse.GetValue(startup),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(
        string model, EngineOptions options, ChatSession session, Func<IInferenceEngine, ChatSettings> settings, string? toolsFile, bool startup, CancellationToken cancellationToken)
    {
        IReadOnlyList<Tool>? functions = toolsFile is null ? null : await ToolsFile.ReadAsync(toolsFile, cancellationToken);
        using var lines = new StreamReader(StandardInput.Open(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        await using InferenceEngine engine = await EngineLoader.LoadAsync(model, options, cancellationToken);
        if (engine.Tokenizer is null) throw new ModelException($"{engine.ModelName} has no tokenizer.model, nor a vocabulary in a GGUF file, so it cannot chat.");
        await using StreamWriter output = StandardOutput.OpenWriter();
        ChatTools? tools = functions is null ? null : new ChatTools(functions, engine.Tokenizer, engine.Config.EndTokens);
        await new ChatLoop(engine, session, settings(engine), tools, output).RunAsync(new ChatInput(lines, ShowMark), cancellationToken);
        if (startup) StartupOutput.DrawOwn();
    }

    private static void ShowMark(bool goesOn)
    {
        if (!Console.IsInputRedirected && !Console.IsErrorRedirected) Console.Error.Write(goesOn ? "... " : "> ");
    }
}
