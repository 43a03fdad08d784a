namespace Gemma2.Grammars;

/// <summary>
/// What a text must look like, as a request spells it: a plain value that compares by content, so that what was compiled once can be found again.
/// <see cref="Sequence"/> and <see cref="Choice"/> put several together.
/// </summary>
public abstract record GrammarSource
{
    private GrammarSource()
    {
    }

    /// <summary>Any JSON object.</summary>
    public sealed record JsonObject : GrammarSource;

    /// <summary>A JSON value that a schema allows.</summary>
    /// <param name="Schema">The schema, a JSON document: an object, <c>true</c> or <c>false</c>.</param>
    public sealed record JsonSchema(string Schema) : GrammarSource;

    /// <summary>A text that a regular expression matches from its first to its last character.</summary>
    /// <param name="Pattern">In the syntax of ECMA-262, as far as it describes regular languages.</param>
    public sealed record Regex(string Pattern) : GrammarSource;

    /// <summary>A text of a grammar in GBNF, llama.cpp's form.</summary>
    /// <param name="Text">Its rules; <c>root</c> is the first.</param>
    public sealed record Gbnf(string Text) : GrammarSource;

    /// <summary>Just this text.</summary>
    /// <param name="Text">The text; may be empty.</param>
    public sealed record Literal(string Text) : GrammarSource;

    /// <summary>Any text that does not begin with one of some others: what may be said where these begin something else.</summary>
    /// <param name="Beginnings">What it does not begin with; none allows every text.</param>
    public sealed record TextWithout(ValueList<string> Beginnings) : GrammarSource;

    /// <summary>One after the other.</summary>
    /// <param name="Parts">In order.</param>
    public sealed record Sequence(ValueList<GrammarSource> Parts) : GrammarSource;

    /// <summary>Something several times.</summary>
    /// <param name="Part">What comes each time.</param>
    /// <param name="Separator">The text between two of them; may be empty.</param>
    /// <param name="Least">How often at least: 0 or more.</param>
    /// <param name="Most">How often at most.</param>
    public sealed record Repeat(GrammarSource Part, string Separator, int Least, int Most) : GrammarSource;

    /// <summary>One of several.</summary>
    /// <param name="Options">At least one.</param>
    public sealed record Choice(ValueList<GrammarSource> Options) : GrammarSource;
}
