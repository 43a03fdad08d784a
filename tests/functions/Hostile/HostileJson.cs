using System.Text;
using System.Text.Json.Nodes;

namespace Gemma2.Functions.Tests.Hostile;

/// <summary>JSON that no honest client sends, made from an honest document and a seed.</summary>
internal sealed class HostileJson(int seed)
{
    private readonly Random _random = new(seed);

    // As raw JSON, so that each arrives as it is written here.
    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-0", "-1", "1e999", "-1e999", "1e-999", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "0.1", "1E400", new string('9', 5000), "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\uFFFF\"", "\"../../../etc/passwd\"",
        "\"..%2f..%2fmodels\"", "\"a/b\"", "\"a\\\\b\"", "\"C:\\\\x\"", "\"\\u202e\\u200b\"", "\"<script>\"", "\"'; DROP TABLE jobs; --\"", "\"${jndi:ldap://x}\"",
        "\"http://169.254.169.254/\"", "\"https://127.0.0.1/\"", "\"file:///etc/passwd\"", "\"" + new string('a', 100_000) + "\"", "[]", "{}", "[[]]", "[null]",
        "[{}]", "[1,\"a\",null]", "{\"\":1}", "{\"a\":{\"a\":{\"a\":1}}}", Nested("[", "]", 30), Nested("[", "]", 1000), Nested("{\"a\":", "}", 1000),
        "[" + string.Join(',', Enumerable.Repeat("0", 20_000)) + "]", "[" + string.Join(',', Enumerable.Repeat("{}", 5_000)) + "]",
    ];

    // Texts that are no JSON, or none that may be sent.
    private static readonly string[] Texts =
    [
        "", " ", "\0", "{", "}", "[", "\"", "{}", "[]", "null", "true", "1", "\"text\"", "NaN", "Infinity", "undefined", "{'a':1}", "{a:1}", "{\"a\":1,}", "{\"a\":01}",
        "{\"a\":.5}", "{\"a\":+1}", "{\"a\":0x10}", "/* comment */{}", "{} // comment", "{}{}", "{\"a\":1}\0", "{\"a\":1,\"a\":2}", "{\"\\ud800\":1}", "<?xml version=\"1.0\"?>",
        "a=1&b=2", "{\"a\":\"\u0001\"}", "{\"a\":\"\t\"}", "[1 2]", "{\"a\" 1}", new string('[', 100_000), new string('{', 100_000), new string(' ', 1_000_000), new string('9', 1_000_000),
    ];

    /// <summary>Honest documents with one thing wrong in each, and things that are no documents.</summary>
    /// <param name="honest">What an honest client sends.</param>
    /// <param name="count">How many.</param>
    public IEnumerable<byte[]> Create(string honest, int count)
    {
        for (int index = 0; index < count; index++)
            yield return index < Texts.Length ? Encoding.UTF8.GetBytes(Texts[index]) : index % 3 == 0 ? BrokenBytes(honest) : Encoding.UTF8.GetBytes(WrongValue(honest));
    }

    private static string Nested(string open, string close, int depth) =>
        string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth));

    /// <summary>One value, somewhere, is another one.</summary>
    private string WrongValue(string honest)
    {
        const string mark = "hostile-value-goes-here";
        JsonNode document = JsonNode.Parse(honest)!;
        JsonNode[] places = [.. Descendants(document)];
        JsonNode place = places[_random.Next(places.Length)];
        if (place.Parent is JsonObject parent && _random.Next(6) == 0)
            parent["surprise"] = mark;
        else
            place.ReplaceWith(mark);
        return document.ToJsonString().Replace($"\"{mark}\"", Values[_random.Next(Values.Length)], StringComparison.Ordinal);
    }

    /// <summary>The text is cut, or in another encoding, or some of its bytes are others.</summary>
    private byte[] BrokenBytes(string honest)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(honest);
        switch (_random.Next(6))
        {
            case 0:
                return bytes[.._random.Next(bytes.Length)];
            case 1:
                return [.. Encoding.UTF8.Preamble, .. bytes];
            case 2:
                return [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(honest)];
            case 3:
                return Encoding.BigEndianUnicode.GetBytes(honest);
            default:
                for (int i = 0; i < 3; i++)
                    bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
                return bytes;
        }
    }

    private static IEnumerable<JsonNode> Descendants(JsonNode node) => node switch
    {
        JsonObject fields => fields.Select(field => field.Value).OfType<JsonNode>().SelectMany(child => Descendants(child).Prepend(child)),
        JsonArray items => items.OfType<JsonNode>().SelectMany(child => Descendants(child).Prepend(child)),
        _ => [],
    };
}
