using CsCheck;

namespace Gemma2.Grammars.Tests.Gbnf;

/// <summary>Random grammars in GBNF, some of them wrong: left-recursive or without end.</summary>
internal static class RandomGrammar
{
    private static readonly string[] Terminals =
        ["\"a\"", "\"b\"", "\"ab\"", "[a-c]", "[^\"\\\\\\x00-\\x1f]", "\"\\\"\"", "\"é\"", ".", "[ -~]{0,3}", "\"the \"", "[0-9]+", "\"\\n\"", "\"\"", "[^a]*", "[^\"]{3,9}"];

    /// <summary>Grammars of up to four rules.</summary>
    public static Gen<string> Texts { get; } = Rules(Terminals);

    /// <summary>Grammars over the letters a and b alone.</summary>
    public static Gen<string> OverTwoLetters { get; } = Rules(["\"a\"", "\"b\"", "\"ab\"", "\"\"", "[ab]", "\"a\"*", "\"b\"?"]);

    private static Gen<string> Rules(string[] terminals)
    {
        Gen<string> symbol = Gen.Frequency(
            (3, Gen.Int[0, terminals.Length - 1].Select(i => terminals[i])),
            (1, Gen.Int[0, 3].Select(i => i == 0 ? "root" : $"r{i}")));
        Gen<string> counted = Gen.Select(symbol, Gen.Frequency((5, Gen.Const("")), (1, Gen.Const("*")), (1, Gen.Const("?")), (1, Gen.Const("{1,2}")), (1, Gen.Const("+"))), (item, count) => $"({item}){count}");
        Gen<string> sequence = counted.Array[1, 3].Select(items => string.Join(' ', items));
        Gen<string> body = sequence.Array[1, 3].Select(options => string.Join(" | ", options));
        return body.Array[4].Select(bodies => string.Join('\n', bodies.Select((body, i) => $"{(i == 0 ? "root" : $"r{i}")} ::= {body}")));
    }
}
