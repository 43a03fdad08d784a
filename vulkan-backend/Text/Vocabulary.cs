using System.Collections;
using System.Globalization;

namespace Gemma2.Backend.Text;

/// <summary>All pieces of a vocabulary, by id and by text.</summary>
internal sealed class Vocabulary
{
    /// <summary>What stands for a space in pieces (U+2581).</summary>
    public const char Space = '\u2581';

    private const int PairBits = 20;

    private readonly Piece[] _pieces;
    private readonly string _unknownSurface;
    private readonly int[] _byteIds = new int[256];
    private readonly BitArray _pairs = new(1 << PairBits);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly MergeTable? _merges;

    /// <summary>Checks the pieces and builds the look-up tables.</summary>
    /// <exception cref="InvalidDataException">The pieces do not make a vocabulary; the message says why.</exception>
    public Vocabulary(TokenizerParts parts)
    {
        Piece[] pieces = _pieces = parts.Pieces;
        _unknownSurface = parts.UnknownSurface;
        _merges = parts.Merges;
        Dictionary<string, int> ids = new(pieces.Length);
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Array.Fill(_byteIds, -1);
        for (int id = 0; id < pieces.Length; id++)
        {
            Piece piece = pieces[id];
            if (piece.Type == PieceType.Unused) continue;
            if (piece.Text.Length == 0) throw new InvalidDataException($"piece {id} is empty.");
            if (float.IsNaN(piece.Score)) throw new InvalidDataException($"the score of piece {id} is not a number.");
            if (!ids.TryAdd(piece.Text, id)) throw new InvalidDataException($"pieces {ids[piece.Text]} and {id} are the same.");
            if (piece.Type == PieceType.Byte) _byteIds[ByteOfName(piece.Text, id)] = id;
            if (!IsText(piece.Type)) continue;
            LongestPiece = Math.Max(LongestPiece, piece.Text.Length);
            for (int i = 1; i < piece.Text.Length; i++) _pairs[PairBit(piece.Text[i - 1], piece.Text[i])] = true;
        }

        foreach ((string text, int id) in parts.Aliases) ids.TryAdd(text, id);
        int missing = Array.IndexOf(_byteIds, -1);
        if (missing >= 0) throw new InvalidDataException($"the piece of byte <0x{missing:X2}> is missing.");
        if (pieces.Count(piece => piece.Type == PieceType.Unknown) != 1) throw new InvalidDataException("it needs exactly one piece of type unknown.");
    }

    /// <summary>Number of pieces.</summary>
    public int Count => _pieces.Length;

    /// <summary>Length in chars of the longest piece that text can become.</summary>
    public int LongestPiece { get; }

    /// <summary>Which pieces merge; null where any two that make a piece do.</summary>
    public MergeTable? Merges => _merges;

    /// <summary>False when no piece holds these two chars side by side, so that no merge can pass between them. True may be wrong.</summary>
    public bool MayJoin(char left, char right) => _pairs[PairBit(left, right)];

    /// <summary>The piece of an id.</summary>
    public Piece this[int id] => _pieces[id];

    /// <summary>Id of the piece of a byte.</summary>
    public int ByteId(byte value) => _byteIds[value];

    /// <summary>The byte that a piece of type <see cref="PieceType.Byte"/> stands for.</summary>
    public byte ByteOf(int id) => ByteOfName(_pieces[id].Text, id);

    /// <summary>
    /// The order of merges: one that makes a piece of lower rank comes first. Normal pieces rank by score, equal scores alike (SentencePiece then takes the
    /// leftmost merge). User-defined pieces rank by id, before all others: SentencePiece never merges into them, but Hugging Face makes runs of spaces so.
    /// </summary>
    /// <returns>A number of at most 33 bits and its sign.</returns>
    public long Rank(int id)
    {
        (_, float score, PieceType type) = _pieces[id];
        if (type == PieceType.UserDefined) return int.MinValue - (long)_pieces.Length + id;

        // Bits of positive floats are ordered as the floats are, those of negative ones the other way round. Adding 0 makes -0 and 0 alike.
        int bits = BitConverter.SingleToInt32Bits(score + 0f);
        return ~(bits >= 0 ? bits : bits ^ int.MaxValue);
    }

    /// <summary>The text that a piece decodes to. Not for pieces of type <see cref="PieceType.Byte"/>, which are no text by themselves.</summary>
    public string Surface(int id) => _pieces[id] switch
    {
        { Type: PieceType.Control or PieceType.Unused } => "",
        { Type: PieceType.Unknown } => _unknownSurface,
        Piece piece => piece.Text.Replace(Space, ' '),
    };

    /// <summary>Finds the piece that text can become; false where there is none.</summary>
    public bool TryFindText(ReadOnlySpan<char> text, out int id) =>
        _ids.TryGetValue(text, out id) && (IsText(_pieces[id].Type) || (_pieces[id].Type == PieceType.Byte && text.Length == 1));

    /// <summary>Finds what two neighbours make; false where they do not merge.</summary>
    /// <param name="left">The left one's piece; any number where <see cref="Merges"/> is null.</param>
    /// <param name="right">The right one's.</param>
    /// <param name="text">The text of both.</param>
    /// <param name="id">The piece that they make.</param>
    /// <param name="rank">The order of merges, see <see cref="Rank"/>.</param>
    public bool TryMerge(int left, int right, ReadOnlySpan<char> text, out int id, out long rank)
    {
        (id, rank) = (0, 0);
        if (_merges is null)
        {
            if (text.Length > LongestPiece || !TryFindText(text, out id)) return false;
            rank = Rank(id);
            return true;
        }

        bool isMerge = _merges.TryFind(left, right, out id, out int place);
        rank = place;
        return isMerge;
    }

    /// <summary>Finds a piece by its name, of whatever type.</summary>
    /// <exception cref="InvalidDataException">There is no such piece.</exception>
    public int Find(string name) => TryFind(name, out int id) ? id : throw new InvalidDataException($"the piece {name} is missing.");

    /// <summary>Finds a piece by its name, of whatever type; false where there is none.</summary>
    public bool TryFind(string name, out int id) => _ids.TryGetValue(name, out id);

    private static bool IsText(PieceType type) => type is PieceType.Normal or PieceType.UserDefined;

    private static int PairBit(char left, char right) => (int)(((uint)left << 16 | right) * 0x9E3779B1u >> (32 - PairBits));

    private static byte ByteOfName(string name, int id) =>
        name is ['<', '0', 'x', _, _, '>'] && byte.TryParse(name.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value
            : throw new InvalidDataException($"piece {id} is of type byte, but its name is not like <0xE2>.");
}
