using System.Text;
using CsCheck;
using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Tests.Regexes;

/// <summary>A regular expression that is matched the plainest way: by the set of places where a match that begins at a place may end.</summary>
internal abstract record Pattern
{
    /// <summary>Random patterns over a few characters.</summary>
    /// <param name="characters">Those of the classes.</param>
    /// <param name="booleans">Whether And and Not come up.</param>
    public static Gen<Pattern> Random(string characters, bool booleans)
    {
        Gen<Pattern> leaf = Gen.OneOf(
            Gen.Int[1, (1 << characters.Length) - 1].Select(Pattern (bits) => new Class([.. characters.Where((_, i) => (bits >> i & 1) != 0)])),
            Gen.Int[0, characters.Length - 1].Select(Pattern (i) => new Class([characters[i]])));
        // .NET does not match the empty text by some patterns with empty alternatives, which it should: none where it is the judge.
        if (booleans) leaf = Gen.Frequency((3, leaf), (1, Gen.Const<Pattern>(new Empty())));
        Gen<Pattern> result = leaf;
        for (int depth = 0; depth < 4; depth++)
        {
            Gen<Pattern> inner = result;
            List<Gen<Pattern>> kinds =
            [
                leaf,
                Gen.Select(inner, inner, Pattern (a, b) => new Concat(a, b)),
                Gen.Select(inner, inner, Pattern (a, b) => new Or(a, b)),
                Gen.Select(inner, Gen.Int[0, 3], Gen.Int[-1, 3], Gen.Const(booleans ? 0 : 1), Pattern (item, min, more, least) => new Repeat(item, Math.Max(min, least), more < 0 ? null : Math.Max(min, least) + more)),
            ];
            if (booleans) kinds.AddRange([Gen.Select(inner, inner, Pattern (a, b) => new And(a, b)), inner.Select(Pattern (a) => new Not(a))]);
            result = Gen.OneOf([.. kinds]);
        }

        return result;
    }

    /// <summary>Where matches that begin at a place may end.</summary>
    public abstract HashSet<int> Ends(string text, int start);

    /// <summary>The same expression in a store.</summary>
    public abstract Regex In(RegexStore store);

    /// <summary>The same expression as .NET spells it; not of And and Not.</summary>
    public abstract string ToDotNet();

    /// <summary>Whether it matches all of a text.</summary>
    public bool Matches(string text) => Ends(text, 0).Contains(text.Length);

    public sealed record Empty : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => [start];

        public override Regex In(RegexStore store) => store.Empty;

        public override string ToDotNet() => "(?:)";
    }

    public sealed record Class(ValueList<char> Characters) : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => start < text.Length && Characters.Contains(text[start]) ? [start + 1] : [];

        public override Regex In(RegexStore store) => store.Chars([.. Characters.Select(c => ((int)c, (int)c))]);

        public override string ToDotNet() => $"[{string.Concat(Characters.Select(c => $"\\u{(int)c:x4}"))}]";
    }

    public sealed record Concat(Pattern First, Pattern Second) : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => [.. First.Ends(text, start).SelectMany(end => Second.Ends(text, end))];

        public override Regex In(RegexStore store) => store.Concat(First.In(store), Second.In(store));

        public override string ToDotNet() => First.ToDotNet() + Second.ToDotNet();
    }

    public sealed record Or(Pattern First, Pattern Second) : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => [.. First.Ends(text, start), .. Second.Ends(text, start)];

        public override Regex In(RegexStore store) => store.Or(First.In(store), Second.In(store));

        public override string ToDotNet() => $"(?:{First.ToDotNet()}|{Second.ToDotNet()})";
    }

    public sealed record And(Pattern First, Pattern Second) : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => [.. First.Ends(text, start).Intersect(Second.Ends(text, start))];

        public override Regex In(RegexStore store) => store.And(First.In(store), Second.In(store));

        public override string ToDotNet() => throw new NotSupportedException();
    }

    public sealed record Not(Pattern Item) : Pattern
    {
        public override HashSet<int> Ends(string text, int start) => [.. Enumerable.Range(start, text.Length - start + 1).Except(Item.Ends(text, start))];

        public override Regex In(RegexStore store) => store.Not(Item.In(store));

        public override string ToDotNet() => throw new NotSupportedException();
    }

    public sealed record Repeat(Pattern Item, int Min, int? Max) : Pattern
    {
        public override HashSet<int> Ends(string text, int start)
        {
            HashSet<int> all = [], last = [start];
            HashSet<string> seen = [];
            for (int count = 0; last.Count > 0 && (Max is null || count <= Max); count++)
            {
                if (count >= Min) all.UnionWith(last);
                // From here on it only goes round in circles.
                if (count >= Min && !seen.Add(string.Join(',', last.Order()))) break;
                last = [.. last.SelectMany(place => Item.Ends(text, place))];
            }

            return all;
        }

        public override Regex In(RegexStore store) => store.Repeat(Item.In(store), Min, Max);

        public override string ToDotNet() => $"(?:{Item.ToDotNet()}){{{Min},{Max}}}";
    }
}

/// <summary>Matches by derivatives.</summary>
internal static class Derivatives
{
    /// <summary>Whether an expression matches all of a text.</summary>
    public static bool Matches(this RegexStore store, Regex regex, string text) => store.IsNullable(store.After(regex, Encoding.UTF8.GetBytes(text)));

    /// <summary>The derivative by some bytes.</summary>
    public static Regex After(this RegexStore store, Regex regex, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) regex = store.Derive(regex, value);
        return regex;
    }
}
