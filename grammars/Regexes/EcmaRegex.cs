namespace Gemma2.Grammars.Regexes;

/// <summary>
/// Turns ECMA-262's regular expressions into expressions over bytes. Each part is translated together with the rest of the text that follows it,
/// so that a lookahead is an intersection with that rest, <c>$</c> a rest that is empty; and once for each kind of character that may stand before it,
/// which <c>^</c> and <c>\b</c> ask for.
/// </summary>
internal sealed class EcmaRegex
{
    /// <summary>How often a part that looks around may be repeated: it is written out.</summary>
    private const int MostCopies = 20;

    private readonly RegexStore _store;
    private readonly Regex _word, _other;
    private readonly Dictionary<(EcmaNode, Rest, Left), Regex> _translated = [];

    private EcmaRegex(RegexStore store) =>
        (_store, _word, _other) = (store, store.Chars(EcmaClasses.Words.Ranges), store.Chars((~EcmaClasses.Words).Ranges));

    /// <summary>What stands before a place in the text.</summary>
    private enum Left
    {
        Start,
        Word,
        Other,
    }

    /// <summary>The texts that a pattern matches.</summary>
    /// <param name="pattern">In the syntax of ECMA-262.</param>
    /// <param name="store">Where the expression is kept.</param>
    /// <param name="anchored">Whether it must match all of the text; otherwise it may match anywhere in it, as JSON Schema's patterns do.</param>
    /// <exception cref="GrammarException">The pattern cannot be used.</exception>
    public static Regex Parse(string pattern, RegexStore store, bool anchored)
    {
        EcmaNode node = EcmaParser.Parse(pattern);
        var translator = new EcmaRegex(store);
        return anchored ? translator.Translate(node, Rest.Same(store.Empty), Left.Start) : translator.Search(node);
    }

    private Regex Search(EcmaNode node)
    {
        Rest any = Rest.Same(_store.AnyText);
        Regex start = Translate(node, any, Left.Start), word = Translate(node, any, Left.Word), other = Translate(node, any, Left.Other);
        return start == word && word == other
            ? _store.Concat(_store.AnyText, start)
            : _store.Or(start, _store.Concat(_store.AnyText, _word, word), _store.Concat(_store.AnyText, _other, other));
    }

    /// <summary>What is left of the text where a part begins.</summary>
    /// <param name="node">The part.</param>
    /// <param name="rest">What follows the part.</param>
    /// <param name="left">What stands before it.</param>
    private Regex Translate(EcmaNode node, Rest rest, Left left)
    {
        if (!node.LooksAround) return Join(Plain(node), rest, left);
        if (!_translated.TryGetValue((node, rest, left), out Regex regex)) _translated.Add((node, rest, left), regex = Around(node, rest, left));
        return regex;
    }

    private Regex Around(EcmaNode node, Rest rest, Left left) => node switch
    {
        EcmaNode.Concat concat => Chain(concat.Parts, rest, left),
        EcmaNode.Either either => _store.Or([.. either.Options.Select(option => Translate(option, rest, left))]),
        EcmaNode.Repeat repeat => Copies(repeat, rest, left),
        EcmaNode.Start => left == Left.Start ? rest[left] : _store.Nothing,
        EcmaNode.End => _store.IsNullable(rest[left]) ? _store.Empty : _store.Nothing,
        EcmaNode.WordBoundary boundary => Boundary(boundary, rest[left], left),
        EcmaNode.Lookahead look => Look(look, rest[left], left),
        _ => throw new NotSupportedException(node.GetType().Name),
    };

    private Regex Chain(IReadOnlyList<EcmaNode> parts, Rest rest, Left left)
    {
        for (int i = parts.Count - 1; i > 0; i--)
        {
            (EcmaNode part, Rest after) = (parts[i], rest);
            rest = new(Translate(part, after, Left.Start), Translate(part, after, Left.Word), Translate(part, after, Left.Other));
        }

        return Translate(parts[0], rest, left);
    }

    private Regex Copies(EcmaNode.Repeat repeat, Rest rest, Left left)
    {
        bool isEndless = repeat.Max is null && LooksOnlyForTheEnd(repeat.Item);
        if ((isEndless ? repeat.Min : repeat.Max) is not int max || max > MostCopies)
            throw new GrammarException("", $"The regular expression cannot be used: a part with '^', '\\b' or a lookahead in it is repeated at most {MostCopies} times.");
        Rest after = isEndless ? Endless(repeat.Item, rest) : rest;
        for (int copy = max; copy > 0; copy--)
        {
            (Rest next, bool optional) = (after, copy > repeat.Min);
            Regex From(Left before) => optional ? _store.Or(rest[before], Translate(repeat.Item, next, before)) : Translate(repeat.Item, next, before);
            after = new(From(Left.Start), From(Left.Word), From(Left.Other));
        }

        return after[left];
    }

    /// <summary>A part that looks for the end of the text, any number of times: as often as it can do without that, and once where it finds the end and nothing follows.</summary>
    private Rest Endless(EcmaNode item, Rest rest)
    {
        Regex Ended(Regex regex) => _store.IsNullable(regex) ? _store.Empty : _store.Nothing;
        Rest end = new(Ended(rest.Start), Ended(rest.Word), Ended(rest.Other));
        Regex Last(Left before) => _store.Or(rest[before], Translate(item, end, before));
        Rest last = new(Last(Left.Start), Last(Left.Word), Last(Left.Other));
        Regex often = _store.Repeat(Plain(item), 0, null);
        return new(Join(often, last, Left.Start), Join(often, last, Left.Word), Join(often, last, Left.Other));
    }

    private static bool LooksOnlyForTheEnd(EcmaNode node) => node switch
    {
        EcmaNode.Concat concat => concat.Parts.All(LooksOnlyForTheEnd),
        EcmaNode.Either either => either.Options.All(LooksOnlyForTheEnd),
        EcmaNode.Repeat repeat => LooksOnlyForTheEnd(repeat.Item),
        _ => node is EcmaNode.Character or EcmaNode.End,
    };

    private Regex Boundary(EcmaNode.WordBoundary boundary, Regex rest, Left left)
    {
        bool wordFollows = (left == Left.Word) == boundary.Negated;
        Regex word = _store.Concat(_word, _store.AnyText);
        return _store.And(rest, wordFollows ? word : _store.Not(word));
    }

    private Regex Look(EcmaNode.Lookahead look, Regex rest, Left left)
    {
        Regex seen = Translate(look.Inner, Rest.Same(_store.AnyText), left);
        return _store.And(look.Negated ? _store.Not(seen) : seen, rest);
    }

    /// <summary>A part that does not look around, then the rest that fits the part's last character.</summary>
    private Regex Join(Regex part, Rest rest, Left left)
    {
        if (rest.IsSame) return _store.Concat(part, rest[left]);
        return _store.Or(
            _store.IsNullable(part) ? rest[left] : _store.Nothing,
            _store.Concat(_store.And(part, _store.Concat(_store.AnyText, _word)), rest[Left.Word]),
            _store.Concat(_store.And(part, _store.Concat(_store.AnyText, _other)), rest[Left.Other]));
    }

    // Within a text that goes on, its end is nowhere.
    private Regex Plain(EcmaNode node) => node switch
    {
        EcmaNode.End => _store.Nothing,
        EcmaNode.Character character => _store.Chars(character.Set.Ranges),
        EcmaNode.Concat concat => _store.Concat([.. concat.Parts.Select(Plain)]),
        EcmaNode.Either either => _store.Or([.. either.Options.Select(Plain)]),
        EcmaNode.Repeat repeat => _store.Repeat(Plain(repeat.Item), repeat.Min, repeat.Max),
        _ => throw new NotSupportedException(node.GetType().Name),
    };

    /// <summary>What follows a part, by what stands before it.</summary>
    private readonly record struct Rest(Regex Start, Regex Word, Regex Other)
    {
        public bool IsSame => Start == Word && Word == Other;

        public Regex this[Left left] => left switch { Left.Start => Start, Left.Word => Word, _ => Other };

        public static Rest Same(Regex regex) => new(regex, regex, regex);
    }
}
