namespace Gemma2.Grammars.Tests.Regexes;

/// <summary>Random regular expressions in ECMA-262's syntax, and the texts that they may match.</summary>
internal sealed class EcmaPattern(Random random)
{
    private const int Deepest = 2;
    private const string Characters = "ab1_- é\n";

    private static readonly string[] Atoms = ["a", "b", "1", "_", "-", " ", "é", "\\n", ".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\x61", "\\u00e9", "\\-", "\\."];
    private static readonly string[] Members = ["a", "b", "1", "_", "é", "\\n", "\\d", "\\w", "\\s", "\\W", "a-b", "0-9", "\\u00e0-\\u00ef", "\\-"];
    private static readonly string[] Quantifiers = ["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?", "+?", "??"];
    private static readonly string[] Assertions = ["^", "$", "\\b", "\\B"];

    /// <summary>A pattern.</summary>
    public string Pattern() => Alternatives(Deepest);

    /// <summary>A text of few characters, so that patterns match now and then.</summary>
    public string Text() => string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => Characters[random.Next(Characters.Length)]));

    private string Alternatives(int depth) => string.Join('|', Enumerable.Range(0, random.Next(5) == 0 ? 2 : 1).Select(_ => Terms(depth, depth == Deepest ? 0 : 1)));

    private string Terms(int depth, int least) => string.Concat(Enumerable.Range(0, random.Next(least, 4)).Select(_ => Term(depth)));

    private string Term(int depth) => random.Next(depth > 0 ? 14 : 9) switch
    {
        < 5 => Pick(Atoms) + Quantifier(),
        5 or 6 => $"[{(random.Next(3) == 0 ? "^" : "")}{string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Pick(Members)))}]" + Quantifier(),
        7 or 8 => Pick(Assertions),
        9 or 10 => $"({Alternatives(depth - 1)})" + Quantifier(),
        11 => $"(?:{Alternatives(depth - 1)})" + Quantifier(),
        12 => $"(?={Alternatives(depth - 1)})",
        _ => $"(?!{Alternatives(depth - 1)})",
    };

    private string Quantifier() => random.Next(3) == 0 ? Pick(Quantifiers) : "";

    private string Pick(string[] from) => from[random.Next(from.Length)];
}
