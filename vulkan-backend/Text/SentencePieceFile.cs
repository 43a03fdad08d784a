using System.Text;
using Google.Protobuf;

namespace Gemma2.Backend.Text;

/// <summary>
/// Reads SentencePiece's <c>tokenizer.model</c>: the protobuf message <c>sentencepiece.ModelProto</c>.
/// Source of the field numbers: sentencepiece_model.proto in google/sentencepiece.
/// </summary>
/// <remarks>
/// Only what Gemma uses is read: BPE with byte fallback, and no normalization but U+2581 for spaces.
/// A file that asks for anything else is refused, as its texts would silently become the wrong tokens.
/// </remarks>
internal static class SentencePieceFile
{
    /// <summary>What the unknown piece decodes to where a file does not say.</summary>
    public const string DefaultUnknownSurface = " \u2047 ";

    /// <summary>Google's file has 4 MB; a stream that goes on for longer than this is something else.</summary>
    private const int MaxFileBytes = 64 << 20;

    private const int VarintField = 0;
    private const int BytesField = 2;
    private const int FloatField = 5;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a whole model.</summary>
    /// <exception cref="ModelException">The file is malformed or not of Gemma's kind; the message begins with <paramref name="fileName"/>.</exception>
    public static TokenizerParts Read(Stream stream, string fileName)
    {
        try
        {
            byte[] file = ReadToEnd(stream);
            return ReadModel(new CodedInputStream(file), file.Length);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or DecoderFallbackException)
        {
            string reason = e is InvalidDataException ? e.Message : "it is damaged or no SentencePiece model.";
            throw new ModelException($"{fileName} cannot be used: {reason}", e);
        }
    }

    private static byte[] ReadToEnd(Stream stream)
    {
        using MemoryStream file = new();
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            if (file.Length + count > MaxFileBytes) throw new InvalidDataException($"it has more than {MaxFileBytes >> 20} MiB.");
            file.Write(buffer, 0, count);
        }

        return file.ToArray();
    }

    private static TokenizerParts ReadModel(CodedInputStream input, long end)
    {
        List<Piece> pieces = [];
        TrainerSpec trainer = new();
        NormalizerSpec normalizer = new();
        for (uint tag; (tag = NextTag(input, end)) != 0;)
        {
            switch (tag)
            {
                case 1 << 3 | BytesField: pieces.Add(ReadPiece(input, EndOfMessage(input), pieces.Count)); break;
                case 2 << 3 | BytesField: trainer.Read(input, EndOfMessage(input)); break;
                case 3 << 3 | BytesField: normalizer.Read(input, EndOfMessage(input)); break;
                default: input.SkipLastField(); break;
            }
        }

        trainer.Check();
        normalizer.Check();
        return new TokenizerParts([.. pieces]) { UnknownSurface = trainer.UnknownSurface };
    }

    private static Piece ReadPiece(CodedInputStream input, long end, int id)
    {
        string text = "";
        float score = 0;
        int type = (int)PieceType.Normal;
        for (uint tag; (tag = NextTag(input, end)) != 0;)
        {
            switch (tag)
            {
                case 1 << 3 | BytesField: text = Text(input); break;
                case 2 << 3 | FloatField: score = input.ReadFloat(); break;
                case 3 << 3 | VarintField: type = input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }

        return Enum.IsDefined((PieceType)type) && (PieceType)type != PieceType.Unused
            ? new Piece(text, score, (PieceType)type)
            : throw new InvalidDataException($"piece {id} has type {type}; supported are 1 to 4 and 6.");
    }

    /// <summary>Takes a message's length; gives the position of its end.</summary>
    private static long EndOfMessage(CodedInputStream input) => input.ReadLength() + input.Position;

    /// <summary>The tag of a message's next field; 0 at the message's end.</summary>
    private static uint NextTag(CodedInputStream input, long end)
    {
        if (input.Position == end) return 0;
        uint tag = input.Position < end ? input.ReadTag() : 0;
        return tag != 0 ? tag : throw new InvalidDataException($"a field ends beyond its message, near byte {input.Position}.");
    }

    private static string Text(CodedInputStream input) => StrictUtf8.GetString(input.ReadBytes().Span);

    /// <summary>How the vocabulary was made. Defaults are those of the .proto file.</summary>
    private sealed class TrainerSpec
    {
        private const int Bpe = 2;
        private int _modelType = 1;
        private bool _byteFallback;

        /// <summary>What the unknown piece decodes to.</summary>
        public string UnknownSurface { get; private set; } = DefaultUnknownSurface;

        public void Read(CodedInputStream input, long end)
        {
            for (uint tag; (tag = NextTag(input, end)) != 0;)
            {
                switch (tag)
                {
                    case 3 << 3 | VarintField: _modelType = input.ReadEnum(); break;
                    case 35 << 3 | VarintField: _byteFallback = input.ReadBool(); break;
                    case 44 << 3 | BytesField: UnknownSurface = Text(input); break;
                    default: input.SkipLastField(); break;
                }
            }
        }

        public void Check()
        {
            if (_modelType != Bpe) throw new InvalidDataException($"its model_type is {_modelType}; supported is {Bpe} (BPE).");
            if (!_byteFallback) throw new InvalidDataException("it was trained without byte_fallback, which Gemma's vocabularies have.");
        }
    }

    /// <summary>What happens to a text before it is cut. Defaults are those of the .proto file.</summary>
    private sealed class NormalizerSpec
    {
        private bool _hasCharacterMap;
        private bool _addDummyPrefix = true;
        private bool _removeExtraWhitespaces = true;
        private bool _escapeWhitespaces = true;

        public void Read(CodedInputStream input, long end)
        {
            for (uint tag; (tag = NextTag(input, end)) != 0;)
            {
                switch (tag)
                {
                    case 2 << 3 | BytesField: _hasCharacterMap = !input.ReadBytes().IsEmpty; break;
                    case 3 << 3 | VarintField: _addDummyPrefix = input.ReadBool(); break;
                    case 4 << 3 | VarintField: _removeExtraWhitespaces = input.ReadBool(); break;
                    case 5 << 3 | VarintField: _escapeWhitespaces = input.ReadBool(); break;
                    default: input.SkipLastField(); break;
                }
            }
        }

        public void Check()
        {
            if (_hasCharacterMap || _addDummyPrefix || _removeExtraWhitespaces || !_escapeWhitespaces)
                throw new InvalidDataException("its normalizer changes texts; supported is the identity, without dummy prefix, with whitespace kept and escaped.");
        }
    }
}
