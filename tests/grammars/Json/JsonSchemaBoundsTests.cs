using System.Text;
using System.Text.Json.Nodes;
using CsCheck;

namespace Gemma2.Grammars.Tests.Json;

/// <summary>Schemas that ask for too much, and broken ones: each compiles or ends with one error that is meant for the user.</summary>
public sealed class JsonSchemaBoundsTests
{
    private static readonly string[] Scraps =
        ["", "null", "true", "-1", "1e400", "[]", "{}", "\"#\"", "\"#/properties\"", "\"(\"", "[{}]", "[[]]", "\"object\"", "{\"$ref\":\"#\"}", "{\"a\":{\"not\":{\"$ref\":\"#\"}}}", "99999999999", "\"\\ud800\"", "\"date\""];

    /// <summary>Schemas by what is large in them.</summary>
    public static TheoryData<string, string> Large => new()
    {
        { "properties in properties", Nested(9_000, """{"type":"object","required":["a"],"properties":{"a":""", "{}", "}}") },
        { "lists in lists", Nested(9_000, """{"type":"array","minItems":1,"items":""", "{}", "}") },
        { "allOf in allOf", Nested(9_000, """{"allOf":[""", "{}", "]}") },
        { "not in not", Nested(9_001, """{"not":""", "{}", "}") },
        { "oneOf in oneOf", Nested(2_000, """{"oneOf":[{"type":"null"},""", """{"type":"string"}""", "]}") },
        { "lists in a const", """{"const":""" + Nested(9_000, "[", "", "]") + "}" },
        { "brackets", new string('[', 100_000) },
        { "a chain of references", Object(10_000, i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\",\"minLength\":{i % 3}}}", "{\"$ref\":\"#/$defs/d0\",\"$defs\":{", ",\"d10000\":{\"type\":\"string\"}}}") },
        { "strings of an enum", Object(30_000, i => $"\"value {i * 7919 % 30_000}\"", "{\"enum\":[", "]}") },
        { "numbers of an enum", Object(30_000, i => $"{i}.{i}", "{\"enum\":[", "]}") },
        { "objects of an enum", Object(3_000, i => $"{{\"a\":{i}}}", "{\"enum\":[", "]}") },
        { "named properties", Object(2_000, i => $"\"p{i}\":{{\"type\":\"string\"}}", "{\"type\":\"object\",\"properties\":{", "},\"minProperties\":7}") },
        { "patterns that overlap", Object(50, i => $"\"a{(char)('a' + i % 26)}.*{i}\":{{\"minLength\":{i}}}", "{\"patternProperties\":{", "}}") },
        { "products of alternatives", Object(30, i => $"{{\"anyOf\":[{{\"required\":[\"a{i}\"]}},{{\"required\":[\"b{i}\"]}}]}}", "{\"allOf\":[", "]}") },
        { "options that overlap", Object(30, i => $"{{\"properties\":{{\"a{i}\":{{\"type\":\"string\"}}}}}}", "{\"oneOf\":[", "]}") },
        { "counts", """{"type":"array","minItems":1000000000,"items":{"type":"string","minLength":1000000000,"maxLength":2000000000}}""" },
        { "counters", """{"type":"array","contains":{"const":1},"minContains":100000,"maxContains":200000}""" },
        { "counts in a pattern", """{"pattern":"(((a{1,1000}){1,1000}){1,1000}){1,1000}b"}""" },
        { "lookaheads", """{"pattern":"^(?=.*a)(?=.*b)(?=.*c)(?=.*d)(?=.*e)(?=.*f)(?=.*g)(?=.*h)[a-z]{5,200}$"}""" },
        { "groups in groups", "{\"pattern\":\"" + Nested(3_000, "(", "a", ")") + "\"}" },
        { "patterns at once", Object(20, i => $"{{\"pattern\":\"^.*a.{{{i + 5}}}$\"}}", "{\"allOf\":[", "]}") },
        { "divisors", """{"type":"integer","allOf":[{"multipleOf":4999},{"multipleOf":4993},{"multipleOf":4987}],"minimum":1,"maximum":99999999999}""" },
    };

    [Theory]
    [MemberData(nameof(Large))]
    public void Compile_WhatIsLarge_EndsSoonAndInLittleMemory(string what, string schema)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? error = ErrorOf(schema);
        Assert.True(error is null || error.Length is > 0 and < 500, $"{what}: {error}");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3_000_000_000);
    }

    [Theory]
    [MemberData(nameof(Large))]
    public void Compile_WhatIsLargeOnASmallStack_EndsToo(string what, string schema)
    {
        Exception? error = null;
        var thread = new Thread(() => error = Record.Exception(() => ErrorOf(schema)), maxStackSize: 256 << 10);

        thread.Start();
        thread.Join();

        Assert.True(error is null, $"{what}: {error}");
    }

    [Fact]
    public void Compile_BrokenSchemas_CompilesOrSaysWhatIsWrong() =>
        Gen.Int.Sample(
            seed =>
            {
                Random random = new(seed);
                string schema = Broken(new RandomSchema(random).Document(), random);
                string? error = ErrorOf(schema);
                Assert.True(error is null || !error.Contains("Exception", StringComparison.Ordinal), error);
            },
            iter: 3000);

    // One value, anywhere in the schema, becomes another; sometimes a character of the text does.
    private static string Broken(JsonObject schema, Random random)
    {
        List<JsonNode> places = [.. All(schema).Where(node => node.Parent is not null)];
        for (int i = random.Next(1, 4); i > 0 && places.Count > 0; i--)
        {
            JsonNode place = places[random.Next(places.Count)];
            if (place.Parent is JsonObject parent) parent[place.GetPropertyName()] = JsonValue.Create($"<{random.Next(Scraps.Length)}>");
            places = [.. All(schema).Where(node => node.Parent is not null)];
        }

        var text = new StringBuilder(schema.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        for (int i = 0; i < Scraps.Length; i++) text.Replace($"\"<{i}>\"", Scraps[i]);
        if (random.Next(4) == 0) text[random.Next(text.Length)] = (char)random.Next(1, 300);
        return text.ToString();
    }

    private static IEnumerable<JsonNode> All(JsonNode node) => node switch
    {
        JsonObject members => members.Select(member => member.Value).OfType<JsonNode>().SelectMany(All).Prepend(node),
        JsonArray items => items.OfType<JsonNode>().SelectMany(All).Prepend(node),
        _ => [node],
    };

    private static string? ErrorOf(string schema)
    {
        try
        {
            Grammar.Compile(new GrammarSource.JsonSchema(schema), TestContext.Current.CancellationToken);
            return null;
        }
        catch (GrammarException error)
        {
            return error.Message;
        }
    }

    private static string Nested(int times, string open, string core, string close) => string.Concat(Enumerable.Repeat(open, times)) + core + string.Concat(Enumerable.Repeat(close, times));

    private static string Object(int count, Func<int, string> part, string open, string close) => open + string.Join(',', Enumerable.Range(0, count).Select(part)) + close;
}
