using System.Runtime.CompilerServices;

namespace Gemma2.Grammars.Json;

/// <summary>Works out which values of one kind a formula holds for.</summary>
/// <typeparam name="TSet">A set of such values.</typeparam>
/// <param name="algebra">How such sets are put together.</param>
/// <param name="shapes">Reads schemas, and knows which formulas hold for nothing.</param>
internal sealed class Evaluator<TSet>(IKindAlgebra<TSet> algebra, ShapeStore shapes)
    where TSet : class
{
    private readonly Dictionary<(Formula, bool), TSet> _known = [];
    private readonly HashSet<(Formula, int)> _open = [];

    /// <summary>Whether there may be a value that a formula holds for.</summary>
    public bool MayHold(Formula formula) => !algebra.IsNone(Evaluate(formula));

    /// <summary>The values that a formula holds for, or those that it does not hold for.</summary>
    public TSet Evaluate(Formula formula, bool holds = true)
    {
        if (_known.TryGetValue((formula, holds), out TSet? known)) return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        TSet set = formula switch
        {
            Formula.Constant constant => constant.Holds == holds ? algebra.All : algebra.None,
            Formula.Kinds kinds => kinds.Set.HasFlag(algebra.Kind) == holds ? algebra.All : algebra.None,
            Formula.Not not => Evaluate(not.Inner, !holds),
            Formula.All all => holds ? EvaluateAll(all.Parts, true) : EvaluateAny(all.Parts, false),
            Formula.Any any => holds ? EvaluateAny(any.Options, true) : EvaluateAll(any.Options, false),
            Formula.ExactlyOne one => Evaluate(shapes.Spell(one, []), holds),
            Formula.At at => EvaluateAt(at, holds),
            _ => algebra.Keyword(formula, holds) ?? (holds ? algebra.All : algebra.None),
        };
        _known[(formula, holds)] = set;
        return set;
    }

    private TSet EvaluateAll(IReadOnlyList<Formula> parts, bool holds)
    {
        TSet result = algebra.All;
        // What says most comes first: alternatives are sorted out early.
        foreach (Formula part in parts.OrderBy(part => part is Formula.At or Formula.Any or Formula.ExactlyOne or Formula.Not))
        {
            // What is said beside it often tells apart what exactly one of must hold.
            Formula said = holds && part is Formula.ExactlyOne one ? shapes.Spell(one, parts.Where(other => other is not Formula.ExactlyOne)) : part;
            result = algebra.And(result, Evaluate(said, holds));
            if (algebra.IsNone(result)) return algebra.None;
        }

        return result;
    }

    private TSet EvaluateAny(IReadOnlyList<Formula> options, bool holds) =>
        options.Aggregate(algebra.None, (set, option) => algebra.Or(set, Evaluate(option, holds)));

    private TSet EvaluateAt(Formula.At at, bool holds)
    {
        (Formula, int) entry = (at, shapes.Level);
        if (!_open.Add(entry)) throw at.Place.Error("This schema refers to itself without going into a value.");
        try
        {
            return Evaluate(shapes.Read(at.Place), holds);
        }
        catch (GrammarException error) when (error.Path.Length == 0)
        {
            throw at.Place.Error(error.Message);
        }
        finally
        {
            _open.Remove(entry);
        }
    }
}
