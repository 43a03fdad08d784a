using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Weights.Tokenizers;

/// <summary>Makes a <c>tokenizer.json</c> of a vocabulary, as transformers' converter does.</summary>
internal static class TokenizerJsonFile
{
    private static readonly string[] Special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];

    /// <summary>The file of a vocabulary.</summary>
    /// <param name="tokenizer">The vocabulary, of a tokenizer.model.</param>
    /// <param name="asPairs">Whether merges are arrays of two, as newer tools write them, or texts.</param>
    public static byte[] Of(GemmaTokenizer tokenizer, bool asPairs)
    {
        Piece[] pieces = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.Vocabulary[id])];
        Dictionary<string, int> ids = pieces.Index().ToDictionary(piece => piece.Item.Text, piece => piece.Index);
        // The converter gives the tab's byte a second name.
        ids["\t"] = ids["<0x09>"];
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            WriteAdded(json, pieces);
            WriteRaw(json, "normalizer", """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
            WriteRaw(json, "pre_tokenizer", """{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
            WriteRaw(json, "post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}""");
            WriteRaw(json, "decoder", """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""");
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WriteNull("dropout");
            json.WriteString("unk_token", "<unk>");
            json.WriteNull("continuing_subword_prefix");
            json.WriteBoolean("fuse_unk", true);
            json.WriteBoolean("byte_fallback", true);
            json.WriteBoolean("ignore_merges", false);
            json.WriteStartObject("vocab");
            foreach ((string text, int id) in ids) json.WriteNumber(text, id);
            json.WriteEndObject();
            json.WriteStartArray("merges");
            foreach ((string left, string right) in Merges(pieces, ids)) WriteMerge(json, left, right, asPairs);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>The file with something changed.</summary>
    public static byte[] With(byte[] file, Action<JsonNode> change)
    {
        JsonNode root = JsonNode.Parse(file)!;
        change(root);
        return JsonSerializer.SerializeToUtf8Bytes(root);
    }

    private static void WriteAdded(Utf8JsonWriter json, Piece[] pieces)
    {
        json.WriteStartArray("added_tokens");
        foreach ((int id, Piece piece) in pieces.Index().Where(piece => piece.Item.Type is PieceType.Control or PieceType.Unknown or PieceType.UserDefined))
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", piece.Text);
            foreach (string rule in (string[])["single_word", "lstrip", "rstrip", "normalized"]) json.WriteBoolean(rule, false);
            json.WriteBoolean("special", Special.Contains(piece.Text));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>For each piece by id, all its parts that are pieces, by their ids.</summary>
    private static IEnumerable<(string Left, string Right)> Merges(Piece[] pieces, Dictionary<string, int> ids) => pieces.SelectMany(piece =>
        Enumerable.Range(1, Math.Max(0, piece.Text.Length - 1)).Select(at => (Left: piece.Text[..at], Right: piece.Text[at..]))
            .Where(parts => ids.ContainsKey(parts.Left) && ids.ContainsKey(parts.Right)).OrderBy(parts => ids[parts.Left]).ThenBy(parts => ids[parts.Right]));

    private static void WriteMerge(Utf8JsonWriter json, string left, string right, bool asPairs)
    {
        if (!asPairs)
        {
            json.WriteStringValue($"{left} {right}");
            return;
        }

        json.WriteStartArray();
        json.WriteStringValue(left);
        json.WriteStringValue(right);
        json.WriteEndArray();
    }

    private static void WriteRaw(Utf8JsonWriter json, string key, string value)
    {
        json.WritePropertyName(key);
        json.WriteRawValue(value);
    }
}
