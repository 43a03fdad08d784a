using Gemma2.Grammars.Syntax;

namespace Gemma2.Grammars.Json;

/// <summary>
/// Compiles JSON Schema to grammars. A schema is read as a formula (<see cref="SchemaReader"/>), the formula is worked out kind by kind (<see cref="ShapeStore"/>),
/// and what comes out is written down as nodes (<see cref="GrammarBuilder"/>). All three are exact: what cannot be, is refused.
/// </summary>
internal static class JsonSchemaCompiler
{
    /// <summary>The texts of the JSON values that a schema allows.</summary>
    /// <param name="schema">The schema, a JSON document.</param>
    /// <param name="store">Where the grammar is kept.</param>
    /// <exception cref="GrammarException">It is no schema, or says what cannot be compiled; the path is the keyword's JSON pointer.</exception>
    public static GrammarNode Compile(string schema, GrammarStore store)
    {
        SchemaDocument document = SchemaDocument.Parse(schema);
        SchemaReader reader = new(document, new(store.Regexes));
        return new GrammarBuilder(store, reader).Build(reader.Inner(document.Root));
    }
}
