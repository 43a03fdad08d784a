using System.Text.Json.Nodes;

namespace Gemma2.Grammars.Tests.Json;

/// <summary>Random schemas of all supported keywords, over few names and values so that keywords meet; and random values of the same.</summary>
internal sealed class RandomSchema(Random random)
{
    private static readonly string[] Names = ["a", "b", "ab", "é", ""];
    private static readonly string[] Strings = ["", "a", "b", "ab", "ba", "aé", "abc", "12", "2024-02-29", "2023-02-29", "127.0.0.1"];
    private static readonly string[] Numbers = ["0", "-0.0", "1", "1.0", "-1", "0.5", "2", "2.50", "-3", "6", "7", "10", "99.75", "100", "1e2", "1.5e1", "2.5E-1", "-4e0"];
    private static readonly string[] Bounds = ["0", "1", "-1", "0.5", "2", "-2.5", "7", "10", "99.5", "1e2", "-0.25"];
    private static readonly string[] Patterns = ["^a", "b$", "^.{2}$", "a|b", "[0-9]", "^(?!a)", "^[^b]*$", "^(a|b)?$", "(ab)+", "\\w{3}", "^$", "\\bb", "é"];
    private static readonly string[] Types = ["null", "boolean", "integer", "number", "string", "array", "object"];

    /// <summary>A schema with two definitions that others may refer to.</summary>
    public JsonObject Document()
    {
        JsonObject root = Object(3, true);
        root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
        root["$defs"] = new JsonObject { ["one"] = Object(2, false), ["two"] = Object(2, false) };
        return root;
    }

    /// <summary>A value that some schema may allow.</summary>
    public JsonNode? Value(int depth) => random.Next(depth > 0 ? 7 : 4) switch
    {
        0 => null,
        1 => JsonValue.Create(random.Next(2) == 0),
        2 => JsonNode.Parse(Pick(Numbers)),
        3 => JsonValue.Create(Pick(Strings)),
        4 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Value(depth - 1))]),
        _ => new JsonObject(Some(Names, 3).Select(name => KeyValuePair.Create(name, Value(depth - 1)))),
    };

    /// <summary>A value that differs somewhere: another value, a member or item less or more, another order.</summary>
    public JsonNode? Changed(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject members when members.Count > 0 && random.Next(4) > 0:
                List<KeyValuePair<string, JsonNode?>> list = [.. members.Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone()))];
                int at = random.Next(list.Count);
                switch (random.Next(4))
                {
                    case 0: list.RemoveAt(at); break;
                    case 1: list[at] = KeyValuePair.Create(list[at].Key, Changed(list[at].Value)); break;
                    case 2: list.Reverse(); break;
                    default:
                        string name = Pick(Names);
                        if (!members.ContainsKey(name)) list.Insert(at, KeyValuePair.Create(name, Value(1)));
                        break;
                }

                return new JsonObject(list);
            case JsonArray items when items.Count > 0 && random.Next(4) > 0:
                List<JsonNode?> others = [.. items.Select(item => item?.DeepClone())];
                int place = random.Next(others.Count);
                switch (random.Next(3))
                {
                    case 0: others.RemoveAt(place); break;
                    case 1: others[place] = Changed(others[place]); break;
                    default: others.Insert(place, others[place]?.DeepClone()); break;
                }

                return new JsonArray([.. others]);
            default: return Value(1);
        }
    }

    // A definition refers to definitions only inside values: one that refers to itself without going into a value means nothing.
    private JsonNode Schema(int depth, bool mayRefer = true)
    {
        if (random.Next(12) == 0) return JsonValue.Create(random.Next(4) > 0);
        if (mayRefer && random.Next(10) == 0) return new JsonObject { ["$ref"] = random.Next(2) == 0 ? "#/$defs/one" : "#/$defs/two" };
        return Object(depth, mayRefer);
    }

    private JsonObject Object(int depth, bool mayRefer)
    {
        var schema = new JsonObject();
        if (random.Next(3) > 0) schema["type"] = random.Next(4) > 0 ? Pick(Types) : new JsonArray([.. Some(Types, 3).Append("object").Distinct().Select(type => JsonValue.Create(type))]);
        for (int i = random.Next(1, 4); i > 0; i--) Add(schema, depth, mayRefer);
        return schema;
    }

    private void Add(JsonObject schema, int depth, bool mayRefer)
    {
        switch (random.Next(depth > 0 ? 28 : 13))
        {
            case 0: schema["enum"] = new JsonArray([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Value(1)).DistinctBy(value => value?.ToJsonString())]); break;
            case 1: schema["const"] = Value(2); break;
            case 2: schema["pattern"] = Pick(Patterns); break;
            case 3: schema["minLength"] = random.Next(3); break;
            case 4: schema["maxLength"] = random.Next(4); break;
            case 5: schema[random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = JsonNode.Parse(Pick(Bounds)); break;
            case 6: schema[random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"] = JsonNode.Parse(Pick(Bounds)); break;
            case 7: schema["multipleOf"] = JsonNode.Parse(Pick(["1", "2", "3", "0.5", "0.25", "7"])); break;
            case 8: schema["required"] = new JsonArray([.. Some(Names, 3).Select(name => JsonValue.Create(name))]); break;
            case 9: schema[random.Next(2) == 0 ? "minProperties" : "maxProperties"] = random.Next(3); break;
            case 10: schema[random.Next(2) == 0 ? "minItems" : "maxItems"] = random.Next(4); break;
            case 11: schema["dependentRequired"] = new JsonObject { [Pick(Names)] = new JsonArray([.. Some(Names, 2).Select(name => JsonValue.Create(name))]) }; break;
            case 12: schema["format"] = Pick(["date", "ipv4"]); break;
            case 13 or 14: schema["properties"] = Named(Some(Names, 3), depth); break;
            case 15: schema["patternProperties"] = Named(Some(Patterns, 2), depth); break;
            case 16: schema["additionalProperties"] = Schema(depth - 1); break;
            case 17: schema["propertyNames"] = Schema(0); break;
            case 18: schema["items"] = Schema(depth - 1); break;
            case 19: schema["prefixItems"] = List(1, 3, depth); break;
            case 20:
                schema["contains"] = Schema(depth - 1);
                if (random.Next(3) == 0) schema["minContains"] = random.Next(3);
                if (random.Next(3) == 0) schema["maxContains"] = random.Next(1, 3);
                break;
            case 21: schema["allOf"] = List(1, 3, depth, mayRefer); break;
            case 22: schema["anyOf"] = List(1, 4, depth, mayRefer); break;
            case 23: schema["oneOf"] = List(1, 4, depth, mayRefer); break;
            case 24: schema["not"] = Schema(depth - 1, mayRefer); break;
            case 25:
                schema["if"] = Schema(depth - 1, mayRefer);
                if (random.Next(3) > 0) schema["then"] = Schema(depth - 1, mayRefer);
                if (random.Next(2) > 0) schema["else"] = Schema(depth - 1, mayRefer);
                break;
            case 26:
                schema["items"] = new JsonObject { ["enum"] = new JsonArray([.. Enumerable.Range(0, 4).Select(_ => Value(0)).DistinctBy(value => value?.ToJsonString())]) };
                schema["uniqueItems"] = true;
                break;
            default: schema["dependentSchemas"] = Named(Some(Names, 2), depth, mayRefer); break;
        }
    }

    private JsonObject Named(IEnumerable<string> names, int depth, bool mayRefer = true) =>
        new(names.Select(name => KeyValuePair.Create<string, JsonNode?>(name, Schema(depth - 1, mayRefer))));

    private JsonArray List(int least, int most, int depth, bool mayRefer = true) =>
        [.. Enumerable.Range(0, random.Next(least, most)).Select(_ => Schema(depth - 1, mayRefer))];

    private string Pick(string[] from) => from[random.Next(from.Length)];

    private IEnumerable<string> Some(string[] from, int most) => Enumerable.Range(0, random.Next(most + 1)).Select(_ => Pick(from)).Distinct();
}
