using CsCheck;

namespace Gemma2.Grammars.Tests.Gbnf;

/// <summary>A random grammar, whose texts can also be told the plainest way: by making all short ones. Some are wrong: left-recursive or without end.</summary>
/// <param name="Rules">Alternatives of each rule: sequences of items.</param>
internal sealed record RandomGrammar(RandomGrammar.Item[][][] Rules)
{
    private static readonly string[] Terminals =
        ["\"a\"", "\"b\"", "\"ab\"", "[a-c]", "[^\"\\\\\\x00-\\x1f]", "\"\\\"\"", "\"é\"", ".", "[ -~]{0,3}", "\"the \"", "[0-9]+", "\"\\n\"", "\"\"", "[^a]*", "[^\"]{3,9}", "[a-z]{2,30}"];

    /// <summary>Grammars of four rules over all kinds of characters.</summary>
    public static Gen<string> Texts { get; } = Over(Terminals).Select(grammar => grammar.ToString());

    /// <summary>Grammars of four rules over the letters a and b alone.</summary>
    public static Gen<RandomGrammar> OverTwoLetters { get; } = Over(["\"a\"", "\"b\"", "\"ab\"", "\"\"", "[ab]"]);

    /// <summary>All texts of so many letters at most, for grammars over two letters.</summary>
    public HashSet<string> TextsUpTo(int length)
    {
        HashSet<string>[] known = [.. Rules.Select(_ => new HashSet<string>())];
        for (int before = -1; before != known.Sum(texts => texts.Count);)
        {
            before = known.Sum(texts => texts.Count);
            for (int i = 0; i < Rules.Length; i++)
            {
                foreach (Item[] option in Rules[i])
                    known[i].UnionWith(option.Aggregate(new HashSet<string> { "" }, (texts, item) => Joined(texts, TextsOf(item, known, length), length)));
            }
        }

        return known[0];
    }

    /// <summary>In GBNF.</summary>
    public override string ToString() => string.Join('\n', Rules.Select((options, i) =>
        $"{Name(i)} ::= {string.Join(" | ", options.Select(items => string.Join(' ', items.Select(item => $"({item.Terminal ?? Name(item.Rule)}){item.Count}"))))}"));

    private static Gen<RandomGrammar> Over(string[] terminals)
    {
        Gen<(string? Terminal, int Rule)> symbol = Gen.Frequency(
            (3, Gen.Int[0, terminals.Length - 1].Select(i => ((string?)terminals[i], 0))),
            (1, Gen.Int[0, 3].Select(i => ((string?)null, i))));
        Gen<string> count = Gen.Frequency((5, Gen.Const("")), (1, Gen.Const("*")), (1, Gen.Const("?")), (1, Gen.Const("{1,2}")), (1, Gen.Const("+")));
        Gen<Item> item = Gen.Select(symbol, count, (symbol, count) => new Item(symbol.Terminal, symbol.Rule, count));
        return item.Array[1, 3].Array[1, 3].Array[4].Select(rules => new RandomGrammar(rules));
    }

    private static string Name(int rule) => rule == 0 ? "root" : $"r{rule}";

    private static HashSet<string> TextsOf(Item item, HashSet<string>[] known, int length)
    {
        HashSet<string> one = item.Terminal switch
        {
            null => known[item.Rule],
            "[ab]" => ["a", "b"],
            string literal => [literal.Trim('"')],
        };
        (int min, int max) = item.Count switch
        {
            "*" => (0, length + 1),
            "?" => (0, 1),
            "+" => (1, length + 1),
            "{1,2}" => (1, 2),
            _ => (1, 1),
        };
        HashSet<string> all = [], last = [""];
        for (int count = 0; count <= max; count++)
        {
            if (count >= min) all.UnionWith(last);
            last = Joined(last, one, length);
        }

        return all;
    }

    private static HashSet<string> Joined(HashSet<string> first, HashSet<string> second, int length) =>
        [.. first.SelectMany(start => second.Select(end => start + end)).Where(text => text.Length <= length)];

    /// <summary>A terminal or a rule, so many times.</summary>
    internal sealed record Item(string? Terminal, int Rule, string Count);
}
