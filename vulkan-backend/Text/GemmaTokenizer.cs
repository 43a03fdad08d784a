using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Gemma2.Backend.Text;

/// <summary>
/// Gemma's SentencePiece vocabulary: text to token ids and back. May be used from any thread.
/// </summary>
/// <remarks>
/// The merging is our own because Microsoft.ML.Tokenizers' SentencePieceTokenizer (2.0) does not find user-defined pieces in text (<c>&lt;start_of_turn&gt;</c>,
/// HTML tags, runs of tabs) and, among equal scores, does not merge the leftmost pair first; nor does it give out the model that it has read.
/// </remarks>
public sealed class GemmaTokenizer
{
    /// <summary>Stands for the id of a token that a vocabulary does not have.</summary>
    public const int None = -1;

    private readonly Vocabulary _vocabulary;
    private readonly Func<string, string> _normalize;
    private readonly bool _takesWholeTexts;
    private readonly Search _userDefined;
    private readonly Search _special;
    private readonly Func<IReadOnlySet<int>, Search> _contentWithout;
    private readonly Search _content;
    private readonly Search _prompt;

    private GemmaTokenizer(TokenizerParts parts)
    {
        (_normalize, _takesWholeTexts, _vocabulary) = (parts.Normalize, parts.TakesWholeTexts, new Vocabulary(parts));
        (Pad, Unknown) = (FindOrNone("<pad>"), PiecesOf(PieceType.Unknown).First());
        (Bos, Eos) = (FindNamed("<bos>", parts.Begin), FindNamed("<eos>", parts.End));
        NamedEnd = parts.End is { } end && _vocabulary.TryFind(end, out int named) ? named : Eos;
        (StartOfTurn, EndOfTurn) = (FindOrNone("<start_of_turn>"), FindOrNone("<end_of_turn>"));
        SpareTokens = [.. PiecesOf(PieceType.Unused)];

        Dictionary<int, AddedToken> rules = parts.AddedTokens.Where(token => token.HasRules).ToDictionary(token => token.Id);
        int[] userDefined = [.. PiecesOf(PieceType.UserDefined)], whole = [.. userDefined, .. PiecesOf(PieceType.Control, PieceType.Unknown)];
        _userDefined = new Search(new PieceCutter(new([]), rules), CutterOf(userDefined, _normalize, rules));
        _special = SearchFor(whole, text => text, rules);
        _prompt = SearchFor(whole, WithSpaces, rules);
        _contentWithout = others => SearchFor([.. userDefined.Where(id => !IsControl(id) && !others.Contains(id))], WithSpaces, rules);
        _content = _contentWithout(new HashSet<int>());
    }

    /// <summary>Number of token ids; they begin at 0.</summary>
    public int VocabularySize => _vocabulary.Count;

    /// <summary>Ids that stand for no token, in order.</summary>
    internal ImmutableSortedSet<int> SpareTokens { get; }

    /// <summary>Id of <c>&lt;pad&gt;</c>; <see cref="None"/> where there is none.</summary>
    public int Pad { get; }

    /// <summary>Id of <c>&lt;eos&gt;</c>, which ends a text.</summary>
    public int Eos { get; }

    /// <summary>Id of what ends an answer by the vocabulary's own files, such as <c>&lt;|im_end|&gt;</c>; mostly <see cref="Eos"/>.</summary>
    internal int NamedEnd { get; }

    /// <summary>Id of <c>&lt;bos&gt;</c>, which every prompt begins with.</summary>
    public int Bos { get; }

    /// <summary>Id of <c>&lt;unk&gt;</c>. Text never becomes this: what has no piece becomes bytes.</summary>
    public int Unknown { get; }

    /// <summary>Id of <c>&lt;start_of_turn&gt;</c>; <see cref="None"/> where there is none.</summary>
    public int StartOfTurn { get; }

    /// <summary>Id of <c>&lt;end_of_turn&gt;</c>; <see cref="None"/> where there is none.</summary>
    public int EndOfTurn { get; }

    /// <summary>All pieces.</summary>
    internal Vocabulary Vocabulary => _vocabulary;

    /// <summary>Reads a <c>tokenizer.model</c>.</summary>
    /// <param name="sentencePieceModel">The file's content, read to its end.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <exception cref="ModelException">The file is malformed or not of Gemma's kind; the message begins with <paramref name="fileName"/>.</exception>
    public static GemmaTokenizer Load(Stream sentencePieceModel, string fileName) =>
        Create(SentencePieceFile.Read(sentencePieceModel, fileName), fileName);

    /// <summary>Makes the tokenizer of what was read.</summary>
    /// <param name="parts">What a file says.</param>
    /// <param name="fileName">The file's name, for messages.</param>
    /// <exception cref="ModelException">It is not a vocabulary of Gemma's kind; the message begins with <paramref name="fileName"/>.</exception>
    internal static GemmaTokenizer Create(TokenizerParts parts, string fileName)
    {
        try
        {
            return new GemmaTokenizer(parts);
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{fileName} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The ids of a text, without <c>&lt;bos&gt;</c>.</summary>
    /// <param name="text">Any text; halves of surrogate pairs count as U+FFFD.</param>
    /// <param name="special">
    /// False: as SentencePiece, where <c>&lt;bos&gt;</c>, <c>&lt;eos&gt;</c>, <c>&lt;pad&gt;</c> and <c>&lt;unk&gt;</c> in text are plain text. True: as Hugging Face,
    /// where they become their ids. (<c>&lt;start_of_turn&gt;</c> and the like become their ids in both.)
    /// </param>
    /// <remarks>
    /// SentencePiece looks for whole pieces after spaces became U+2581, Hugging Face before: there, runs of spaces are left to merging, unless pieces have true
    /// spaces, as in GGUF files.
    /// </remarks>
    public int[] Encode(string text, bool special = false) => Encode(WellFormed(text), special ? _special : _userDefined);

    /// <summary>
    /// The ids of a text in which the names of control tokens are text. Of a run of spaces the longest piece comes first, as in SentencePiece and llama.cpp, whichever
    /// file the vocabulary is from; U+2581 in a text is what it is, as in Hugging Face's tokenizer.
    /// </summary>
    internal int[] EncodeContent(string text) => Encode(WellFormed(text), _content);

    /// <summary>Encodes as <see cref="EncodeContent"/> does, with more pieces whose names are text.</summary>
    internal Func<string, int[]> ContentEncoder(IReadOnlySet<int> others)
    {
        Search search = _contentWithout(others);
        return text => Encode(WellFormed(text), search);
    }

    /// <summary>The same of a text in which the names of control tokens become their ids.</summary>
    internal int[] EncodePrompt(string text) => Encode(WellFormed(text), _prompt);

    private int[] Encode(string text, Search search)
    {
        BytePairEncoder encoder = new(_vocabulary);
        List<int> ids = [];
        foreach (TextPart part in search.InText.Cut(text))
        {
            if (part.Id != TextPart.None) ids.Add(part.Id);
            else EncodeNormalized(_normalize(part.Of(text)), search.InNormalized, encoder, ids);
        }

        return [.. ids];
    }

    private void EncodeNormalized(string text, PieceCutter cutter, BytePairEncoder encoder, List<int> ids)
    {
        foreach (TextPart part in cutter.Cut(text))
        {
            if (part.Id != TextPart.None) ids.Add(part.Id);
            else encoder.Encode(text.AsSpan(part.Start, part.End - part.Start), ids, _takesWholeTexts);
        }
    }

    /// <summary>The ids of a text in UTF-8, without <c>&lt;bos&gt;</c>. As in SentencePiece, every byte that is not part of a character counts as U+FFFD.</summary>
    public int[] Encode(ReadOnlySpan<byte> utf8)
    {
        char[] text = new char[utf8.Length];
        int length = 0;
        while (!utf8.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(utf8, out Rune rune, out int consumed) == OperationStatus.Done;
            Span<char> rest = text.AsSpan(length);
            if (!valid) rest[..consumed].Fill('\uFFFD');
            length += valid ? rune.EncodeToUtf16(rest) : consumed;
            utf8 = utf8[consumed..];
        }

        return Encode(new string(text, 0, length));
    }

    /// <summary>
    /// The text of some ids. Control pieces have none; byte pieces that form no character become U+FFFD, once for each maximal part of a character
    /// (the Unicode standard's recommendation, so that the text is the same whether it is decoded at once or by <see cref="IncrementalDetokenizer"/>).
    /// </summary>
    /// <exception cref="InvalidRequestException">An id is not in the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        IncrementalDetokenizer detokenizer = new(this);
        StringBuilder text = new();
        foreach (int id in ids) text.Append(detokenizer.Append(id));
        return text.Append(detokenizer.Flush()).ToString();
    }

    /// <summary>A piece as the vocabulary spells it: U+2581 for spaces, <c>&lt;0xE2&gt;</c> for a byte.</summary>
    /// <exception cref="InvalidRequestException">The id is not in the vocabulary.</exception>
    public string Piece(int id) => Checked(id).Text;

    /// <summary>Whether an id stands for no text but for the beginning or end of a text or turn, or for nothing.</summary>
    public bool IsControl(int id) => Checked(id).Type is PieceType.Control or PieceType.Unknown || id == StartOfTurn || id == EndOfTurn;

    /// <summary>The bytes that an id adds to a text, in UTF-8: of a byte piece one, which may be part of a character. False for ids that add none: control pieces and the like.</summary>
    /// <exception cref="InvalidRequestException">The id is not in the vocabulary.</exception>
    public bool TryGetBytes(int id, out byte[] bytes)
    {
        bytes = IsControl(id) ? [] : TryGetByte(id, out byte value) ? [value] : Encoding.UTF8.GetBytes(Surface(id));
        return bytes.Length > 0;
    }

    /// <summary>The byte that an id stands for, if it is a byte piece.</summary>
    internal bool TryGetByte(int id, out byte value)
    {
        bool isByte = Checked(id).Type == PieceType.Byte;
        value = isByte ? _vocabulary.ByteOf(id) : (byte)0;
        return isByte;
    }

    /// <summary>The text of an id that is no byte piece.</summary>
    internal string Surface(int id) => _vocabulary.Surface(id);

    private Piece Checked(int id) => (uint)id < (uint)_vocabulary.Count
        ? _vocabulary[id]
        : throw new InvalidRequestException("tokens", $"token id {id} is not in the vocabulary; allowed is 0 to {_vocabulary.Count - 1}.");

    private static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;

    private static string WithSpaces(string text) => text.Replace(Vocabulary.Space, ' ');

    private int FindOrNone(string name) => _vocabulary.TryFind(name, out int id) ? id : None;

    /// <summary>A token by Gemma's name for it, or else by the one that the model's files have.</summary>
    private int FindNamed(string name, string? other) =>
        !_vocabulary.TryFind(name, out int id) && other is not null && _vocabulary.TryFind(other, out id) ? id : _vocabulary.Find(name);

    private IEnumerable<int> PiecesOf(params PieceType[] types) => Enumerable.Range(0, _vocabulary.Count).Where(id => types.Contains(_vocabulary[id].Type));

    /// <summary>A search for pieces: in the text in a form of theirs, and in what the normalizer made of it for those whose rules say so.</summary>
    private Search SearchFor(int[] pieces, Func<string, string> form, Dictionary<int, AddedToken> rules)
    {
        ILookup<bool, int> isNormalized = pieces.ToLookup(id => rules.TryGetValue(id, out AddedToken? rule) && rule.IsNormalized);
        return new Search(CutterOf(isNormalized[false], form, rules), CutterOf(isNormalized[true], _normalize, rules));
    }

    private PieceCutter CutterOf(IEnumerable<int> pieces, Func<string, string> form, Dictionary<int, AddedToken> rules) =>
        new(new PieceMatcher(pieces.Select(id => (form(_vocabulary[id].Text), id))), rules);

    /// <summary>Where pieces are looked for that stay whole: first in a text, then in what the normalizer makes of what lies between those.</summary>
    private sealed record Search(PieceCutter InText, PieceCutter InNormalized);
}
