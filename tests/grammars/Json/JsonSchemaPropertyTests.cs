using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using Json.Schema;

namespace Gemma2.Grammars.Tests.Json;

/// <summary>Random schemas, with JsonSchema.Net as an independent judge.</summary>
public sealed partial class JsonSchemaPropertyTests
{
    private const int Schemas = 800;

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public void Compile_RandomSchemas_AllowsWhatAnotherValidatorAllows()
    {
        int compiled = 0;
        Gen.Int.Sample(
            seed =>
            {
                Random random = new(seed);
                RandomSchema schemas = new(random);
                string schema = schemas.Document().ToJsonString(Relaxed);
                if (!TryCompile(schema, out SchemaMatcher? matcher)) return;
                Interlocked.Increment(ref compiled);
                Check(schema, matcher, schemas, random);
            },
            iter: Schemas);
        // What is refused is rare: the rest is compared.
        Assert.InRange(compiled, Schemas * 9 / 10, Schemas);
    }

    // A matcher of null allows nothing.
    private static bool TryCompile(string schema, out SchemaMatcher? matcher)
    {
        matcher = null;
        try
        {
            matcher = new(schema);
        }
        catch (GrammarException error) when (error.Message.Contains("allows no text", StringComparison.Ordinal))
        {
        }
        catch (GrammarException error) when (error.Message.Contains("is too complex", StringComparison.Ordinal) || error.Path.EndsWith("/uniqueItems", StringComparison.Ordinal))
        {
            return false;
        }

        return true;
    }

    private static void Check(string schema, SchemaMatcher? matcher, RandomSchema schemas, Random random)
    {
        JsonSchema judge = JsonSchema.FromText(schema, new BuildOptions { SchemaRegistry = new() });
        List<JsonNode?> values = [.. Enumerable.Range(0, 20).Select(_ => schemas.Value(3))];
        for (int i = 0; i < 10 && matcher is not null; i++)
        {
            if (matcher.Walk(random, most: 300) is not { } text || NotJudged().IsMatch(text) || !HasUniqueNames(text)) continue;
            Assert.True(Judge(judge, text), $"{text} was written, and is not valid for {schema}.");
            JsonNode? written = JsonNode.Parse(text);
            values.AddRange(Enumerable.Range(0, 3).Select(_ => schemas.Changed(written)));
        }

        foreach (string text in values.Select(value => value?.ToJsonString(Relaxed) ?? "null"))
        {
            (bool valid, bool accepted) = (Judge(judge, text), matcher?.Accepts(text) ?? false);
            // Of numbers with exponents, and of integers with a point, not all are allowed that could be; none is that must not.
            Assert.True(valid == accepted || (valid && UnusualNumber().IsMatch(text)), $"{text} is {(valid ? "" : "not ")}valid for {schema}.");
        }
    }

    private static bool Judge(JsonSchema judge, string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return judge.Evaluate(document.RootElement, new EvaluationOptions { RequireFormatValidation = true }).IsValid;
    }

    // The judge counts grapheme clusters and UTF-16 where the standard counts code points, and calculates with double and decimal.
    [GeneratedRegex("[^\\x00-\\xFF]|\\\\u|[0-9.]{15}|[0-9][eE][+-]?[0-9]{2}")]
    private static partial Regex NotJudged();

    [GeneratedRegex("[0-9]([eE]|\\.0+(?![0-9]))")]
    private static partial Regex UnusualNumber();

    // What an object with two members of one name means is not defined.
    private static bool HasUniqueNames(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new() { AllowDuplicateProperties = false });
            return true;
        }
        catch (JsonException error) when (error.Message.Contains("uplicate", StringComparison.Ordinal))
        {
            return false;
        }
    }
}
