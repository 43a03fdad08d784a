using System.CommandLine;
using System.Text;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Startups;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 generate</c>: runs a model on one prompt.</summary>
internal static class GenerateCommand
{
    // Someone at a shell expects the same answer to the same command, and one that ends.
    private const double DefaultTemperature = 0;
    private const int DefaultMaxTokens = 256;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Option<bool> ignoreEos = new("--ignore-eos") { Description = "Go on past the tokens that end an answer." };
        Option<bool> noDrafts = new("--no-drafts") { Description = "Do not guess tokens from the text so far: the same answer, one token a step." };
        Option<string?> generationConfig = Shared.GenerationConfig();
        Option<bool> startup = Shared.Startup();
        Option<bool> json = Shared.Json();
        var prompt = new PromptArguments();
        var sampling = new SamplingArguments($"{DefaultMaxTokens}", $"{DefaultTemperature}");
        var engine = new EngineArguments();

        var command = new Command("generate", "Run a model on one prompt and print what it writes, as it writes.") { model };
        prompt.AddTo(command);
        sampling.AddTo(command);
        command.Add(generationConfig);
        engine.AddTo(command);
        command.Add(ignoreEos);
        command.Add(noDrafts);
        command.Add(startup);
        command.Add(json);
        command.SetAction((parse, cancellationToken) => RunAsync(
            parse.GetRequiredValue(model),
            engine.Read(parse) with { UsesSamplingDefaults = parse.GetValue(generationConfig) != Shared.NoGenerationConfig },
            loaded => new GenerationRequest
            {
                PromptTokens = prompt.Encode(parse, loaded),
                MaxTokens = parse.GetValue(sampling.MaxTokens) ?? DefaultMaxTokens,
                Sampling = sampling.Read(parse, DefaultTemperature, loaded.SamplingDefaults),
                IgnoreEndTokens = parse.GetValue(ignoreEos),
                Drafts = !parse.GetValue(noDrafts),
            },
            parse.GetValue(startup),
            parse.GetValue(json),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(
        string model, EngineOptions options, Func<IInferenceEngine, GenerationRequest> request, bool startup, bool json, CancellationToken cancellationToken)
    {
        var clock = new GenerationClock();
        await using InferenceEngine engine = await EngineLoader.LoadAsync(model, options, cancellationToken);
        clock.Loaded();
        GenerationRequest asked = request(engine);
        if (json) await ReportAsync(engine, asked, clock, cancellationToken);
        else await StreamAsync(engine, asked, cancellationToken);
        if (startup) StartupOutput.DrawOwn();
    }

    private static async Task StreamAsync(InferenceEngine engine, GenerationRequest request, CancellationToken cancellationToken)
    {
        await using StreamWriter output = StandardOutput.OpenWriter();
        string separator = "";
        await foreach (TextPiece piece in GenerationPieces.ReadAsync(engine, request, cancellationToken))
        {
            // Without a vocabulary the ids are all there is to show.
            await output.WriteAsync(engine.Tokenizer is null ? $"{separator}{piece.Token}" : piece.Text);
            separator = ",";
        }
        await output.WriteLineAsync();
    }

    private static async Task ReportAsync(InferenceEngine engine, GenerationRequest request, GenerationClock clock, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var tokens = new List<int>();
        FinishReason finish = FinishReason.Length;
        await foreach (TextPiece piece in GenerationPieces.ReadAsync(engine, request, cancellationToken))
        {
            if (piece.Token is { } token)
            {
                clock.Token();
                tokens.Add(token);
            }
            text.Append(piece.Text);
            finish = piece.Finish ?? finish;
        }
        StandardOutput.WriteJson(
            new GenerationReport(
                engine.ModelName,
                engine.Tokenizer is null ? null : text.ToString(),
                tokens,
                finish,
                request.Sampling.Temperature > 0 ? request.Sampling.Seed : null,
                new UsageReport(request.PromptTokens.Count, tokens.Count, request.PromptTokens.Count + tokens.Count),
                clock.Report(request.PromptTokens.Count),
                StartupOutput.ToJson(ProcessTimeline.Current.Report())),
            CliJson.Document.GenerationReport);
    }
}

/// <summary>What <c>gemma2 generate --json</c> prints.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Text">What the model wrote; null without a tokenizer.</param>
/// <param name="Tokens">The new token ids, with the end token where the model gave one.</param>
/// <param name="FinishReason">Why it stopped.</param>
/// <param name="Seed">Gives the same answer again with <c>--seed</c>; null where nothing was drawn.</param>
/// <param name="Usage">Counts.</param>
/// <param name="Timings">Times.</param>
/// <param name="Startup">What the start took, as <c>gemma2 startup --json</c> has it.</param>
internal sealed record GenerationReport(
    string Model, string? Text, IReadOnlyList<int> Tokens, FinishReason FinishReason, ulong? Seed, UsageReport Usage, TimingReport Timings, JsonElement Startup);

/// <summary>Token counts, as OpenAI names them.</summary>
/// <param name="PromptTokens">In the prompt.</param>
/// <param name="CompletionTokens">New ones.</param>
/// <param name="TotalTokens">Both.</param>
internal sealed record UsageReport(int PromptTokens, int CompletionTokens, int TotalTokens);
