using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>
/// A set of JSON values: what a schema says, as logic. As in JSON Schema, what speaks of one kind of values holds for all values of other kinds.
/// Formulas are made by a <see cref="FormulaStore"/>: those that are made alike are the same.
/// </summary>
/// <param name="id">Its place in the store.</param>
internal abstract class Formula(int id)
{
    /// <summary>Its place in the store.</summary>
    public int Id => id;

    /// <summary>All values or none.</summary>
    public sealed class Constant(int id, bool holds) : Formula(id)
    {
        public bool Holds => holds;
    }

    /// <summary>What all of some say.</summary>
    public sealed class All(int id, IReadOnlyList<Formula> parts) : Formula(id)
    {
        public IReadOnlyList<Formula> Parts => parts;
    }

    /// <summary>What any of some says.</summary>
    public sealed class Any(int id, IReadOnlyList<Formula> options) : Formula(id)
    {
        public IReadOnlyList<Formula> Options => options;
    }

    /// <summary>What exactly one of some says.</summary>
    public sealed class ExactlyOne(int id, IReadOnlyList<Formula> options) : Formula(id)
    {
        public IReadOnlyList<Formula> Options => options;
    }

    /// <summary>All values but some.</summary>
    public sealed class Not(int id, Formula inner) : Formula(id)
    {
        public Formula Inner => inner;
    }

    /// <summary>What the schema at a place says; it is read when somebody asks, so that schemas may refer to themselves.</summary>
    public sealed class At(int id, SchemaLocation place) : Formula(id)
    {
        public SchemaLocation Place => place;
    }

    /// <summary>Values of some kinds.</summary>
    public sealed class Kinds(int id, JsonKinds set) : Formula(id)
    {
        public JsonKinds Set => set;
    }

    /// <summary>Strings by their value.</summary>
    public sealed class Text(int id, Regex content) : Formula(id)
    {
        public Regex Content => content;
    }

    /// <summary>Numbers by how they are written. Some ways to write a number are in neither set: they are allowed neither by this nor by its opposite.</summary>
    public sealed class Number(int id, NumberSet set) : Formula(id)
    {
        public NumberSet Set => set;
    }

    /// <summary>Objects by the values of their members.</summary>
    public sealed class Members(int id, MemberRules rules) : Formula(id)
    {
        public MemberRules Rules => rules;
    }

    /// <summary>Objects by the names of their members, each taken as a string.</summary>
    public sealed class MemberNames(int id, Formula name) : Formula(id)
    {
        public Formula Name => name;
    }

    /// <summary>Objects with members of some names.</summary>
    public sealed class Required(int id, ValueList<string> names) : Formula(id)
    {
        public ValueList<string> Names => names;
    }

    /// <summary>Objects by how many members they have.</summary>
    public sealed class MemberCount(int id, int min, int? max) : Formula(id)
    {
        public int Min => min;

        public int? Max => max;
    }

    /// <summary>Lists by the values of their items.</summary>
    public sealed class Items(int id, ItemRules rules) : Formula(id)
    {
        public ItemRules Rules => rules;
    }

    /// <summary>Lists by how many items they have.</summary>
    public sealed class ItemCount(int id, int min, int? max) : Formula(id)
    {
        public int Min => min;

        public int? Max => max;
    }

    /// <summary>Lists by how many of their items a formula holds for.</summary>
    public sealed class Contains(int id, Counter counter) : Formula(id)
    {
        public Counter Counter => counter;
    }

    /// <summary>Lists without two equal items.</summary>
    public sealed class Unique(int id, SchemaLocation place) : Formula(id)
    {
        public SchemaLocation Place => place;
    }
}
