using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>: BPE with byte fallback, as Gemma's are. What a file asks for beyond that is refused by name, as texts would silently become the wrong
/// tokens. Source: https://github.com/huggingface/tokenizers.
/// </summary>
internal sealed class TokenizerJson
{
    /// <summary>The file's name.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>Most bytes that are read: Gemma 2's file has 17 to 34 MB.</summary>
    public const int LongestFile = 128 << 20;

    private const int DeepestNesting = 32;
    private const int HighestId = (1 << 20) - 1;

    private readonly string _file;
    private readonly TokenizerJsonModel _model;
    private readonly List<AddedToken> _added = [];
    private Func<string, string> _normalize = text => text;
    private JsonElement _preTokenizer;

    private TokenizerJson(string file) => (_file, _model) = (file, new TokenizerJsonModel(file));

    /// <summary>Reads a file.</summary>
    /// <param name="json">Its bytes.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="ModelException">It is malformed or asks for what is not supported; the message names the file and the key.</exception>
    public static TokenizerParts Read(ReadOnlySpan<byte> json, string file)
    {
        try
        {
            return new TokenizerJson(file).Read(new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestNesting }));
        }
        catch (JsonException error)
        {
            throw new ModelException($"{file}: is not usable JSON: {ModelJson.Show(error.Message)}", error);
        }
        catch (InvalidOperationException error)
        {
            // All kinds are checked before they are read: what is left is text that has no Unicode form, such as half a surrogate pair.
            throw new ModelException($"{file}: holds text that is not Unicode.", error);
        }
    }

    private TokenizerParts Read(Utf8JsonReader reader)
    {
        Utf8JsonReader merges = default;
        reader.Read();
        TokenizerJsonReader.RequireObject(ref reader, _file, "the file");
        HashSet<string> seen = [];
        while (TokenizerJsonReader.NextKey(ref reader, seen, _file) is { } key) ReadSection(key, ref reader, ref merges);
        reader.Read();

        TokenizerJsonSteps steps = new(_file);
        Func<string, string> normalize = steps.PreTokenizer(_preTokenizer, _normalize);
        Piece[] pieces = _model.Pieces(_added);
        MergeTable table = _model.Merges(ref merges, pieces);
        return new TokenizerParts(pieces)
        {
            Merges = table,
            Aliases = _model.Aliases,
            AddedTokens = _added,
            TakesWholeTexts = _model.IgnoresMerges,
            Normalize = normalize,
        };
    }

    private void ReadSection(string key, ref Utf8JsonReader reader, ref Utf8JsonReader merges)
    {
        switch (key)
        {
            case "model": _model.Read(ref reader, ref merges); break;
            case "added_tokens": ReadAdded(JsonElement.ParseValue(ref reader)); break;
            case "normalizer": _normalize = new TokenizerJsonSteps(_file).Normalizer(JsonElement.ParseValue(ref reader)); break;
            case "pre_tokenizer": _preTokenizer = JsonElement.ParseValue(ref reader); break;
            case "decoder": new TokenizerJsonSteps(_file).CheckDecoder(JsonElement.ParseValue(ref reader)); break;
            default: reader.Skip(); break;
        }
    }

    private void ReadAdded(JsonElement tokens)
    {
        if (tokens.ValueKind == JsonValueKind.Null) return;
        if (tokens.ValueKind != JsonValueKind.Array) throw new ModelException($"{_file}: added_tokens is {ModelJson.Show(tokens)}; allowed is an array of tokens.");
        HashSet<int> ids = [];
        foreach ((int index, JsonElement token) in tokens.EnumerateArray().Index())
        {
            string key = $"added_tokens[{index}]";
            if (token.ValueKind != JsonValueKind.Object || !token.TryGetProperty("id", out JsonElement number)
                || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out int id) || id is < 0 or > HighestId)
            {
                throw new ModelException($"{_file}: {key} must be an object with an id from 0 to {HighestId}.");
            }

            if (!ids.Add(id)) throw new ModelException($"{_file}: {key} has the id {id}, which a token before it has.");
            _added.Add(AddedTokenJson.Read(token, id, _file, key));
        }
    }
}
