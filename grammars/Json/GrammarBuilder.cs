using Gemma2.Grammars.Regexes;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>Builds the nodes of formulas: a rule for each formula with lists or objects in it, so that schemas may lie in themselves.</summary>
internal sealed partial class GrammarBuilder
{
    private readonly GrammarStore _store;
    private readonly RegexStore _regexes;
    private readonly FormulaStore _formulas;
    private readonly ShapeStore _shapes;
    private readonly FiniteValues _finite;
    private readonly JsonSyntax _syntax;
    private readonly Dictionary<Formula, GrammarNode> _nodes = [];
    private readonly Queue<(GrammarRule Rule, Formula Formula, ValueShape Shape)> _open = new();

    /// <summary>Builds into a store.</summary>
    public GrammarBuilder(GrammarStore store, SchemaReader reader)
    {
        (_store, _regexes, _formulas, _shapes) = (store, store.Regexes, reader.Formulas, new(reader));
        (_finite, _syntax) = (new(_formulas, _shapes, reader.Numbers), new(_regexes));
    }

    /// <summary>The texts of all values that a formula holds for.</summary>
    public GrammarNode Build(Formula formula)
    {
        GrammarNode node = Node(formula);
        while (_open.TryDequeue(out (GrammarRule Rule, Formula Formula, ValueShape Shape) next))
        {
            try
            {
                next.Rule.Body = Body(next.Shape);
            }
            catch (GrammarException error) when (error.Path.Length == 0 && next.Formula is Formula.At at)
            {
                throw at.Place.Error(error.Message);
            }
        }

        return node;
    }

    private GrammarNode Node(Formula formula)
    {
        if (_nodes.TryGetValue(formula, out GrammarNode? node)) return node;
        ValueShape shape = _shapes.Shape(formula);
        if (shape.Arrays.Count == 0 && shape.Objects.Count == 0)
        {
            node = _store.Terminal(Scalars(shape));
        }
        else
        {
            GrammarRule rule = _store.NewRule(formula is Formula.At at ? at.Place.Name : "");
            _open.Enqueue((rule, formula, shape));
            node = rule;
        }

        _nodes.Add(formula, node);
        return node;
    }

    private GrammarNode Body(ValueShape shape) => _store.Choice(
    [
        _store.Terminal(Scalars(shape)),
        .. shape.Arrays.Select(Array),
        .. shape.Objects.SelectMany(SplitSome).Select(Object),
    ]);

    private Regex Scalars(ValueShape shape) => _regexes.Or(_syntax.Constants(shape.Constants), shape.Number, _syntax.Text(shape.Text));
}
