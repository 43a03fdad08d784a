using System.Runtime.CompilerServices;
using Gemma2.Grammars.Gbnf;
using Gemma2.Grammars.Json;
using Gemma2.Grammars.Masks;
using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars;

/// <summary>A source, compiled: what a text may look like, for any number of sequences and threads. It learns as it is used, and begins anew when that has become too much.</summary>
public sealed class Grammar
{
    // Amounts of expressions, nodes and states, a few hundred bytes each: what compiling may make, and how many more there may be before it is begun anew.
    private const long CompileBudget = 600_000, MostGrowth = 100_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<TokenTrie, MaskTable> _masks = [];
    private readonly GrammarSource _source;
    private volatile Automaton _automaton;

    private Grammar(GrammarSource source, Automaton automaton) => (_source, _automaton) = (source, automaton);

    /// <summary>How much it holds: expressions, nodes and states of some hundred bytes each.</summary>
    internal long Size => _automaton.Size;

    /// <summary>The automaton that new sequences use.</summary>
    internal Automaton Automaton => _automaton;

    /// <summary>Compiles a source.</summary>
    /// <param name="source">What a text must look like.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GrammarException">The source is wrong, has what is not supported, allows no text, or takes too much work.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static Grammar Compile(GrammarSource source, CancellationToken cancellationToken = default) => new(source, Build(source, cancellationToken));

    /// <summary>The masks of a sequence that begins now.</summary>
    internal MaskTable MasksOf(TokenTrie trie)
    {
        lock (_lock)
        {
            if (_automaton.Growth > MostGrowth)
            {
                _automaton = Build(_source, CancellationToken.None);
                _masks.Clear();
            }

            if (!_masks.TryGetValue(trie, out MaskTable? masks)) _masks.Add(trie, masks = new(_automaton, trie));
            return masks;
        }
    }

    private static Automaton Build(GrammarSource source, CancellationToken cancellationToken)
    {
        try
        {
            GrammarStore store = new(new RegexStore());
            store.Regexes.Budget.Allow(CompileBudget, cancellationToken);
            return new Automaton(store, NodeOf(source, store));
        }
        catch (InsufficientExecutionStackException)
        {
            throw new GrammarException("", "is nested too deeply.");
        }
    }

    private static GrammarNode NodeOf(GrammarSource source, GrammarStore store)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        RegexStore regexes = store.Regexes;
        return source switch
        {
            GrammarSource.JsonObject => JsonSchemaCompiler.Compile("""{"type":"object"}""", store),
            GrammarSource.JsonSchema schema => JsonSchemaCompiler.Compile(schema.Schema, store),
            GrammarSource.Regex regex => store.Terminal(EcmaRegex.Parse(regex.Pattern, regexes, anchored: true)),
            GrammarSource.Gbnf gbnf => GbnfCompiler.Compile(gbnf.Text, store),
            GrammarSource.Literal literal => store.Terminal(regexes.Literal(literal.Text)),
            GrammarSource.TextWithout text => store.Terminal(regexes.Not(regexes.Concat(regexes.Or([.. text.Beginnings.Select(regexes.Literal)]), regexes.AnyText))),
            GrammarSource.Sequence sequence => store.Sequence([.. sequence.Parts.Select(part => NodeOf(part, store))]),
            GrammarSource.Repeat repeat => Repeat(repeat, store),
            GrammarSource.Choice choice => store.Choice([.. choice.Options.Select(option => NodeOf(option, store))]),
            _ => throw new ArgumentException($"{source.GetType().Name} is no known source.", nameof(source)),
        };
    }

    private static GrammarNode Repeat(GrammarSource.Repeat repeat, GrammarStore store)
    {
        GrammarNode part = NodeOf(repeat.Part, store);
        GrammarNode others = store.Repeat(
            store.Sequence(store.Terminal(store.Regexes.Literal(repeat.Separator)), part), Math.Max(0, repeat.Least - 1), repeat.Most - 1);
        GrammarNode some = store.Sequence(part, others);
        return repeat.Least > 0 ? some : store.Choice(store.Empty, some);
    }
}
