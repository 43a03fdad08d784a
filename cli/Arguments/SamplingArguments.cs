using System.CommandLine;
using Gemma2.Backend.Decoding;

namespace Gemma2.Cli.Arguments;

/// <summary>How many tokens, and how they are picked. An option that was not given is null: each command has its own default.</summary>
/// <param name="maxTokensDefault">What happens without <c>--max-tokens</c>, in words.</param>
/// <param name="temperatureDefault">What happens without <c>--temperature</c>, in words.</param>
internal sealed class SamplingArguments(string maxTokensDefault, string temperatureDefault)
{
    /// <summary>1 or more.</summary>
    public Option<int?> MaxTokens { get; } =
        Values.Number<int>("--max-tokens", $"Make at most N tokens (without it: {maxTokensDefault}).", "1 or more", n => n >= 1);

    /// <summary>0 to 2.</summary>
    public Option<double?> Temperature { get; } = Values.Number<double>(
        "--temperature", $"0 takes the likeliest token, 1 draws as the model was trained (without it: {temperatureDefault}).", "0 to 2", t => t >= 0 && t <= 2);

    /// <summary>0 or more.</summary>
    public Option<int?> TopK { get; } =
        Values.Number<int>("--top-k", "Draw from the N likeliest tokens only; 0 keeps all (without it: as the model's files say, else 0).", "0 or more", k => k >= 0);

    /// <summary>Above 0, at most 1.</summary>
    public Option<double?> TopP { get; } =
        Values.Number<double>("--top-p", "Draw from the likeliest tokens that together reach probability N only (without it: as the model's files say, else 1).", "above 0, at most 1", p => p > 0 && p <= 1);

    /// <summary>0 or more.</summary>
    public Option<long?> Seed { get; } = Values.Number<long>("--seed", "Make the draw repeatable.", "0 or more", s => s >= 0);

    /// <summary>All of them.</summary>
    public IReadOnlyList<Option> All => [MaxTokens, Temperature, TopK, TopP, Seed];

    /// <summary>Adds all of them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in All) command.Add(option);
    }

    /// <summary>How tokens are picked. The model's own temperature does not count: the same command gives the same answer.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="defaultTemperature">The temperature where none is given.</param>
    /// <param name="model">What the model's files say of the rest.</param>
    public SamplingOptions Read(ParseResult parse, double defaultTemperature, SamplingDefaults model) => new()
    {
        Temperature = parse.GetValue(Temperature) ?? defaultTemperature,
        TopK = parse.GetValue(TopK) ?? model.TopK ?? 0,
        TopP = parse.GetValue(TopP) ?? model.TopP ?? 1,
        MinP = model.MinP ?? 0,
        RepetitionPenalty = model.RepetitionPenalty ?? 1,
        Seed = (ulong)(parse.GetValue(Seed) ?? Random.Shared.NextInt64()),
    };
}
