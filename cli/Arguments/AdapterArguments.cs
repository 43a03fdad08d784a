using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Backend;
using Gemma2.Backend.Adapters;
using Gemma2.Cli.Models;

namespace Gemma2.Cli.Arguments;

/// <summary>Which adapters are added to a model.</summary>
internal sealed class AdapterArguments
{
    private const string Name = "--lora";

    private readonly Option<IReadOnlyList<AdapterReference>?> _lora = new(Name)
    {
        Description = "Add a LoRA adapter to the weights: a folder of PEFT's, a .gguf file or blob:NAME, and what its change is multiplied by (without it: 1). Several add up.",
        HelpName = "PATH[:SCALE]",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = Parse,
    };

    /// <summary>The option itself, for those that list theirs.</summary>
    public Option Option => _lora;

    /// <summary>Adds it to a command.</summary>
    public void AddTo(Command command, bool isRequired = false)
    {
        _lora.Required = isRequired;
        command.Add(_lora);
    }

    /// <summary>The adapters, in the order in which they were given.</summary>
    /// <exception cref="Gemma2Exception">One of them does not exist.</exception>
    public IReadOnlyList<AdapterSource> Read(ParseResult parse) =>
        [.. (parse.GetValue(_lora) ?? []).Select(adapter => new AdapterSource(ModelLocation.OpenAdapter(adapter.Place), adapter.Scale))];

    private static List<AdapterReference> Parse(ArgumentResult result)
    {
        List<AdapterReference> adapters = [];
        foreach (Token token in result.Tokens)
        {
            if (AdapterReference.TryParse(token.Value) is not { } adapter) result.AddError($"{Name} is '{token.Value}'; allowed is {AdapterReference.Allowed}.");
            else if (adapters.Any(other => other.Place == adapter.Place)) result.AddError($"{Name} gives '{adapter.Place}' twice; its scale says how strong it is.");
            else adapters.Add(adapter);
        }
        return adapters;
    }
}
