namespace Gemma2.Backend.Text;

/// <summary>What a piece stands for; numbers as in SentencePiece's <c>ModelProto.SentencePiece.Type</c>.</summary>
internal enum PieceType
{
    /// <summary>Text that merges make.</summary>
    Normal = 1,

    /// <summary>What no piece can spell.</summary>
    Unknown = 2,

    /// <summary>A mark for the model that stands for no text, such as <c>&lt;bos&gt;</c>.</summary>
    Control = 3,

    /// <summary>Text that is always one piece wherever it stands, such as <c>&lt;start_of_turn&gt;</c> or a run of spaces.</summary>
    UserDefined = 4,

    /// <summary>A row of the embedding that stands for no token; its text is only a name.</summary>
    Unused = 5,

    /// <summary>One byte of a character that has no piece of its own, written <c>&lt;0xE2&gt;</c>.</summary>
    Byte = 6,
}

/// <summary>One entry of a vocabulary.</summary>
/// <param name="Text">Its text, with U+2581 in place of spaces; in GGUF files, runs of spaces are stored as they are.</param>
/// <param name="Score">Merges that make a piece of higher score come first.</param>
/// <param name="Type">What it stands for.</param>
internal readonly record struct Piece(string Text, float Score, PieceType Type);
