using System.Globalization;
using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>The part <c>model</c> of a <c>tokenizer.json</c>: pieces and merges.</summary>
/// <param name="file">The file's name, for messages.</param>
internal sealed class TokenizerJsonModel(string file)
{
    private const int MostPieces = 1 << 20;
    private const int MostMerges = 1 << 22;
    private const string UnknownByDefault = "<unk>";

    private readonly Dictionary<string, int> _ids = [];
    private readonly List<(string Text, int Id)> _aliases = [];
    private string? _unknown;
    private bool _isThere, _hasByteFallback, _hasMerges;

    /// <summary>Whether a text that is a piece as a whole becomes that piece, however its parts would merge.</summary>
    public bool IgnoresMerges { get; private set; }

    /// <summary>Other texts of pieces; known after <see cref="Pieces"/>.</summary>
    public IReadOnlyList<(string Text, int Id)> Aliases => _aliases;

    /// <summary>Reads the object, all but its merges.</summary>
    /// <param name="reader">Stands at it.</param>
    /// <param name="merges">Will stand at the merges.</param>
    /// <exception cref="ModelException">It is malformed, or asks for what is not supported.</exception>
    public void Read(ref Utf8JsonReader reader, ref Utf8JsonReader merges)
    {
        TokenizerJsonReader.RequireObject(ref reader, file, "model");
        _isThere = true;
        HashSet<string> seen = [];
        while (TokenizerJsonReader.NextKey(ref reader, seen, file) is { } key)
        {
            switch (key)
            {
                case "vocab": ReadVocabulary(ref reader); break;
                case "merges":
                    merges = reader;
                    _hasMerges = true;
                    reader.Skip();
                    break;
                default: ReadSetting(key, JsonElement.ParseValue(ref reader)); break;
            }
        }
    }

    /// <summary>All pieces, with the types that added tokens give them.</summary>
    /// <exception cref="ModelException">Two have one id, or there are none.</exception>
    public Piece[] Pieces(IReadOnlyList<AddedToken> added)
    {
        if (!_isThere) throw new ModelException($"{file}: has no model.");
        if (!_hasByteFallback) throw new ModelException($"{file}: model.byte_fallback is not true, as it is in Gemma's vocabularies.");
        if (!_hasMerges) throw new ModelException($"{file}: model has no merges.");
        string unknown = _unknown ?? UnknownByDefault;
        string?[] texts = Texts(added);
        var pieces = new Piece[texts.Length];
        for (int id = 0; id < texts.Length; id++)
            pieces[id] = texts[id] is { } text ? new Piece(text, 0, TypeOf(text, unknown)) : new Piece(AddedPieces.NameOfSpare(id), 0, PieceType.Unused);
        foreach (AddedToken token in added)
        {
            bool keeps = pieces[token.Id].Text == token.Text && pieces[token.Id].Type is PieceType.Unknown or PieceType.Byte;
            if (!keeps) pieces[token.Id] = new Piece(token.Text, 0, AddedPieces.TypeOf(token.Text, token.IsSpecial));
        }

        return pieces;
    }

    /// <summary>The merges. Those that make a mark for the model are left out: text does not become one piece by piece. Pieces get their scores, by the order of the merges.</summary>
    /// <param name="reader">Stands at the merges.</param>
    /// <param name="pieces">All pieces.</param>
    /// <exception cref="ModelException">One is malformed, or names what is no piece.</exception>
    public MergeTable Merges(ref Utf8JsonReader reader, Piece[] pieces)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new ModelException($"{file}: model.merges must be an array.");
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        MergeTable table = new(_ids.Count);
        char[] buffer = new char[256];
        var isScored = new bool[pieces.Length];
        for (int number = 0; ; number++)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndArray) return table;
            if (number == MostMerges) throw new ModelException($"{file}: model.merges has more than {MostMerges} entries.");
            (int length, int left) = ReadPair(ref reader, ref buffer, number);
            int first = Find(ids, buffer.AsSpan(0, left), number), second = Find(ids, buffer.AsSpan(left, length - left), number);
            int id = Find(ids, buffer.AsSpan(0, length), number);
            if (pieces[id].Type is not (PieceType.Normal or PieceType.UserDefined)) continue;
            if (!isScored[id]) pieces[id] = pieces[id] with { Score = -number };
            isScored[id] = true;
            table.Set(first, second, id, number);
        }
    }

    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        TokenizerJsonReader.RequireObject(ref reader, file, "model.vocab");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string text = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id is < 0 or >= MostPieces)
                throw new ModelException($"{file}: model.vocab has no id from 0 to {MostPieces - 1} for {ModelJson.Show(text)}.");
            if (!_ids.TryAdd(text, id)) throw new ModelException($"{file}: model.vocab has {ModelJson.Show(text)} twice.");
        }
    }

    private void ReadSetting(string key, JsonElement value)
    {
        switch (key)
        {
            case "type" when value.ValueKind != JsonValueKind.String || value.GetString() != "BPE": throw Error(key, value, "\"BPE\"");
            case "dropout" when !(value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double rate) && rate == 0)):
                throw Error(key, value, "null");
            case "continuing_subword_prefix" or "end_of_word_suffix" when !(value.ValueKind == JsonValueKind.Null || IsEmpty(value)): throw Error(key, value, "null");
            case "unk_token" when value.ValueKind != JsonValueKind.Null: _unknown = AddedTokenJson.Text(value, file, "model.unk_token"); break;
            case "byte_fallback": _hasByteFallback = Flag(key, value); break;
            case "ignore_merges": IgnoresMerges = Flag(key, value); break;
        }
    }

    /// <summary>The text of each id; null where there is none. Gemma's file has one piece by two texts: the tab and its byte.</summary>
    private string?[] Texts(IReadOnlyList<AddedToken> added)
    {
        int count = Math.Max(_ids.Values.DefaultIfEmpty(-1).Max(), added.Select(token => token.Id).DefaultIfEmpty(-1).Max()) + 1;
        var texts = new string?[count];
        foreach ((string text, int id) in _ids)
        {
            string? other = texts[id];
            bool isByte = TryByteOf(text, out _);
            if (other is null || isByte) texts[id] = text;
            if (other is null) continue;
            (string name, string alias) = isByte ? (text, other) : (other, text);
            if (!TryByteOf(name, out byte value) || alias.Length != 1 || alias[0] != value || value > 0x7f)
                throw new ModelException($"{file}: model.vocab gives {ModelJson.Show(other)} and {ModelJson.Show(text)} the same id, {id}.");
            _aliases.Add((alias, id));
        }

        return texts;
    }

    /// <summary>Puts the two texts of a merge into a buffer: <c>"a b"</c>, or <c>["a", "b"]</c> in newer files.</summary>
    private (int Length, int Left) ReadPair(ref Utf8JsonReader reader, ref char[] buffer, int number)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            Span<char> text = buffer.AsSpan(0, Append(ref reader, ref buffer, 0));
            text = buffer.AsSpan(0, text.Length);
            int space = text.IndexOf(' ');
            if (space <= 0 || space == text.Length - 1 || text[(space + 1)..].Contains(' ')) throw Malformed(number);
            text[(space + 1)..].CopyTo(text[space..]);
            return (text.Length - 1, space);
        }

        if (reader.TokenType != JsonTokenType.StartArray) throw Malformed(number);
        int left = Part(ref reader, ref buffer, 0, number), length = left + Part(ref reader, ref buffer, left, number);
        reader.Read();
        return reader.TokenType == JsonTokenType.EndArray ? (length, left) : throw Malformed(number);
    }

    private int Part(ref Utf8JsonReader reader, ref char[] buffer, int from, int number)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String) throw Malformed(number);
        int length = Append(ref reader, ref buffer, from);
        return length > 0 ? length : throw Malformed(number);
    }

    private static int Append(ref Utf8JsonReader reader, ref char[] buffer, int from)
    {
        if (buffer.Length < from + reader.ValueSpan.Length) Array.Resize(ref buffer, 2 * (from + reader.ValueSpan.Length));
        return reader.CopyString(buffer.AsSpan(from));
    }

    private int Find(Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, ReadOnlySpan<char> text, int number) => ids.TryGetValue(text, out int id)
        ? id
        : throw new ModelException($"{file}: model.merges[{number}] names {ModelJson.Show(text.ToString())}, which model.vocab does not have.");

    private bool Flag(string key, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Null => false,
        _ => throw Error(key, value, "true or false"),
    };

    private static PieceType TypeOf(string text, string unknown) => text == unknown ? PieceType.Unknown : TryByteOf(text, out _) ? PieceType.Byte : PieceType.Normal;

    private static bool TryByteOf(string text, out byte value)
    {
        value = 0;
        return text is ['<', '0', 'x', _, _, '>'] && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString() is "";

    private ModelException Malformed(int number) => new($"{file}: model.merges[{number}] must be two texts: \"a b\" or [\"a\", \"b\"].");

    private ModelException Error(string key, JsonElement value, string allowed) => new($"{file}: model.{key} is {ModelJson.Show(value)}; allowed is {allowed}.");
}
