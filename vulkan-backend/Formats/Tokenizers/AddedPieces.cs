using System.Globalization;
using Gemma2.Backend.Config;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Tokenizers;

/// <summary>Puts added tokens into a vocabulary, and fills it up to the embedding's rows.</summary>
internal static class AddedPieces
{
    /// <summary>The name of a row that stands for no token, as llama.cpp's converter gives it.</summary>
    public static string NameOfSpare(int id) => string.Create(CultureInfo.InvariantCulture, $"[PAD{id}]");

    /// <summary>Whether a token's name is one that converters give to rows that stand for none.</summary>
    public static bool IsNameOfSpare(string name) => IsNumbered(name, "[PAD", "]") || IsNumbered(name, "<dummy", ">");

    /// <summary>
    /// The type of an added token. Gemma's own vocabulary calls turns and unused tokens user-defined, though Hugging Face and llama.cpp call them special; what a
    /// model's makers added and called special is a mark that stands for no text.
    /// </summary>
    public static PieceType TypeOf(string text, bool isSpecial) => (isSpecial || LooksSpecial(text)) && !IsUserDefinedOfGemma(text) ? PieceType.Control : PieceType.UserDefined;

    /// <summary>The vocabulary with the tokens that files add. An id that the vocabulary has is renamed; ids between those of tokens are spare.</summary>
    /// <param name="parts">The vocabulary.</param>
    /// <param name="settings">What the files beside it say.</param>
    /// <param name="rows">Rows of the embedding; null where they are not known.</param>
    /// <param name="notes">Takes what was left aside.</param>
    public static TokenizerParts Apply(TokenizerParts parts, TokenizerSettings settings, int? rows, List<string> notes)
    {
        AddedToken[] without = [.. settings.Added.Where(token => token.Id >= rows)];
        if (without.Length > 0)
            notes.Add($"{Names(without)}: left aside, as the embedding has no rows for what was added behind its {rows}.");

        AddedToken[] added = [.. settings.Added.Except(without).Where(token => token.Id >= parts.Pieces.Length || parts.Pieces[token.Id].Text != token.Text)];
        List<Piece> pieces = [.. parts.Pieces];
        foreach (AddedToken token in added)
        {
            while (pieces.Count <= token.Id) pieces.Add(Spare(pieces.Count));
            pieces[token.Id] = new Piece(token.Text, 0, TypeOf(token.Text, token.IsSpecial));
        }

        return FillUp(parts with
        {
            Pieces = [.. pieces],
            AddedTokens = [.. parts.AddedTokens.ExceptBy(added.Select(token => token.Id), token => token.Id), .. added],
            Begin = settings.TokenFor("bos_token") ?? parts.Begin,
            End = settings.TokenFor("eos_token") ?? parts.End,
        }, rows);
    }

    /// <summary>The vocabulary with a spare piece for each row of the embedding that has none.</summary>
    public static TokenizerParts FillUp(TokenizerParts parts, int? rows)
    {
        int count = parts.Pieces.Length;
        return rows > count ? parts with { Pieces = [.. parts.Pieces, .. Enumerable.Range(count, rows.Value - count).Select(Spare)] } : parts;
    }

    private static Piece Spare(int id) => new(NameOfSpare(id), 0, PieceType.Unused);

    private static string Names(AddedToken[] tokens) =>
        $"added token{(tokens.Length == 1 ? "" : "s")} {string.Join(", ", tokens.Take(3).Select(token => $"\"{ModelJson.Show(token.Text)}\" ({token.Id})"))}{(tokens.Length > 3 ? $" and {tokens.Length - 3} more" : "")}";

    private static bool LooksSpecial(string text) => text is ['<', '|', .., '|', '>'];

    private static bool IsUserDefinedOfGemma(string text) =>
        text is "<start_of_turn>" or "<end_of_turn>" or "<mask>" or "<2mass>" or "[@BOS@]" || IsNumbered(text, "<unused", ">");

    private static bool IsNumbered(string text, string begin, string end) =>
        text.Length > begin.Length + end.Length && text.StartsWith(begin, StringComparison.Ordinal) && text.EndsWith(end, StringComparison.Ordinal)
        && !text.AsSpan()[begin.Length..^end.Length].ContainsAnyExceptInRange('0', '9');
}
