using System.Text;
using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Tests.Json;

/// <summary>A compiled schema, matched byte by byte.</summary>
internal sealed class SchemaMatcher(string schema)
{
    private readonly Automaton _automaton = Grammar.Compile(new GrammarSource.JsonSchema(schema)).Automaton;

    /// <summary>Whether a text is allowed, from its first to its last byte.</summary>
    public bool Accepts(string text)
    {
        State state = _automaton.Start;
        foreach (byte value in Encoding.UTF8.GetBytes(text)) state = _automaton.Step(state, value);
        return state.CanEnd;
    }

    /// <summary>A text made of allowed bytes that a random number generator picks; null where it had not ended after many. Fails where no byte leads on.</summary>
    public string? Walk(Random random, int most)
    {
        List<byte> text = [];
        State state = _automaton.Start;
        while (text.Count < most)
        {
            byte[] allowed = [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => _automaton.Step(state, value) != State.Dead)];
            Assert.True(allowed.Length > 0 || state.CanEnd, $"Nothing may follow {Encoding.UTF8.GetString([.. text])}.");
            if (state.CanEnd && (allowed.Length == 0 || random.Next(3) == 0)) return Encoding.UTF8.GetString([.. text]);
            byte picked = Pick(allowed, random);
            text.Add(picked);
            state = _automaton.Step(state, picked);
        }

        return null;
    }

    // What closes something comes often, so that texts end; white space, control bytes and what begins a rare character seldom.
    private static byte Pick(byte[] allowed, Random random)
    {
        byte[] closing = [.. allowed.Where(value => value is (byte)'"' or (byte)'}' or (byte)']')];
        if (closing.Length > 0 && random.Next(3) == 0) return closing[random.Next(closing.Length)];
        byte[] plain = [.. allowed.Where(value => value is > (byte)' ' and < 0x7F and not (byte)'\\' and not (byte)'e' and not (byte)'E')];
        return plain.Length > 0 && random.Next(20) > 0 ? plain[random.Next(plain.Length)] : allowed[random.Next(allowed.Length)];
    }
}
