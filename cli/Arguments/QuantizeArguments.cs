using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;

namespace Gemma2.Cli.Arguments;

/// <summary>How a model's matrices are quantized, beside their type.</summary>
internal sealed class QuantizeArguments
{
    private const string TensorTypeName = "--tensor-type";

    private readonly Option<bool> _pure = new("--pure") { Description = "Give all matrices the same type, where their rows allow it." };

    private readonly Option<IReadOnlyList<TensorTypeOverride>?> _overrides = new(TensorTypeName)
    {
        Description = "Give a type to the matrices in whose GGUF names a regular expression is found, such as attn_v=q6_k. Several may be given; the first that means a matrix counts.",
        HelpName = "PATTERN=TYPE",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = Parse,
    };

    private readonly Option<string?> _importance = Values.Text(
        "--imatrix", "An importance matrix that llama.cpp's llama-imatrix wrote (.gguf or .dat): scales are searched so that what is multiplied with much errs less.", "FILE");

    private readonly Option<bool> _again = new("--allow-requantize") { Description = "Quantize again what is quantized already, though twice loses more." };

    private readonly AdapterArguments _adapters = new();

    private Option[] All => [_pure, _overrides, _importance, _again, _adapters.Option];

    /// <summary>Adds all of them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in All) command.Add(option);
    }

    /// <summary>Makes it bad usage to give one of them without a type.</summary>
    public void Require(Command command, Option type) => command.Validators.Add(result =>
    {
        foreach (Option option in All.Where(option => result.GetResult(option) is not null && result.GetResult(type) is null)) result.AddError($"{option.Name} goes with {type.Name}.");
    });

    /// <summary>What becomes of the matrices.</summary>
    /// <exception cref="Gemma2Exception">The importance matrix is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public async Task<QuantizeOptions> ReadAsync(ParseResult parse, WeightType type, CancellationToken cancellationToken) => new(type)
    {
        Pure = parse.GetValue(_pure),
        Overrides = parse.GetValue(_overrides) ?? [],
        Importance = parse.GetValue(_importance) is { } path ? await ImportanceMatrix.LoadAsync(path, cancellationToken) : null,
        AllowRequantize = parse.GetValue(_again),
        Adapters = _adapters.Read(parse),
    };

    private static List<TensorTypeOverride> Parse(ArgumentResult result)
    {
        List<TensorTypeOverride> overrides = [];
        foreach (Token token in result.Tokens)
        {
            if (TensorTypeOverride.TryParse(token.Value) is { } one) overrides.Add(one);
            else result.AddError($"{TensorTypeName} is '{token.Value}'; allowed is {TensorTypeOverride.Allowed}.");
        }
        return overrides;
    }
}
