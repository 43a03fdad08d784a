using CsCheck;
using Gemma2.Backend.Text;
using Gemma2.Golden;
using Google.Protobuf;

namespace Gemma2.Backend.Tests.Text;

public sealed class SentencePieceFileTests
{
    private static readonly byte[] SmallModel = File.ReadAllBytes(GoldenTokenizer.SmallModelPath);

    [Fact]
    public void Load_CutFile_IsRefusedOrWhole()
    {
        for (int length = 0; length < SmallModel.Length; length += 7) LoadsOrNamesTheFile(SmallModel[..length]);
        Assert.Contains("tokenizer.model cannot be used: ", Refusal(SmallModel[..(SmallModel.Length / 2)]), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ChangedBytes_IsRefusedOrWorks() =>
        Gen.Select(Gen.Int[0, SmallModel.Length - 1], Gen.Byte).Array[1, 4].Sample(changes =>
        {
            byte[] file = [.. SmallModel];
            foreach ((int position, byte value) in changes) file[position] = value;
            LoadsOrNamesTheFile(file);
        }, iter: 2000);

    [Fact]
    public void Load_AnyBytes_IsRefused() => Gen.Byte.Array[0, 200].Sample(LoadsOrNamesTheFile, iter: 2000);

    [Fact]
    public void Load_LengthBeyondTheFile_IsRefusedWithoutAllocatingIt()
    {
        // Field 1, a length of 2^31 - 1.
        byte[] file = [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x0A];
        Assert.Equal(
            "tokenizer.model cannot be used: it is damaged or no SentencePiece model.",
            Refusal(file));
    }

    [Fact]
    public void Load_EndlessStream_IsRefused()
    {
        using EndlessStream endless = new();
        ModelException error = Assert.Throws<ModelException>(() => GemmaTokenizer.Load(endless, "tokenizer.model"));
        Assert.Equal("tokenizer.model cannot be used: it has more than 64 MiB.", error.Message);
    }

    [Theory]
    [InlineData(1, "its model_type is 1; supported is 2 (BPE).")]
    [InlineData(4, "its model_type is 4; supported is 2 (BPE).")]
    public void Load_OtherModelType_IsRefused(int type, string reason) => Assert.EndsWith(reason, Refusal(Model(modelType: type)), StringComparison.Ordinal);

    [Fact]
    public void Load_WithoutByteFallback_IsRefused() =>
        Assert.EndsWith("without byte_fallback, which Gemma's vocabularies have.", Refusal(Model(byteFallback: false)), StringComparison.Ordinal);

    [Fact]
    public void Load_DummyPrefix_IsRefused() =>
        Assert.Contains("its normalizer changes texts; ", Refusal(Model(dummyPrefix: true)), StringComparison.Ordinal);

    [Fact]
    public void Load_BuiltModel_Works()
    {
        GemmaTokenizer tokenizer = GemmaTokenizer.Load(new MemoryStream(Model()), "tokenizer.model");
        Assert.Equal(tokenizer.VocabularySize - 1, Assert.Single(tokenizer.Encode("last")));
    }

    [Theory]
    [InlineData("<bos>", "the piece <bos> is missing.")]
    [InlineData("<0x41>", "the piece of byte <0x41> is missing.")]
    [InlineData("<unk>", "it needs exactly one piece of type unknown.")]
    public void Load_MissingPiece_IsNamed(string name, string reason) => Assert.EndsWith(reason, Refusal(Model(without: name)), StringComparison.Ordinal);

    [Theory]
    [InlineData("<bos>", 1f, 1, "pieces 2 and 263 are the same.")]
    [InlineData("", 1f, 1, "piece 263 is empty.")]
    [InlineData("new", float.NaN, 1, "the score of piece 263 is not a number.")]
    [InlineData("new", 1f, 5, "piece 263 has type 5; supported are 1 to 4 and 6.")]
    [InlineData("new", 1f, 6, "piece 263 is of type byte, but its name is not like <0xE2>.")]
    [InlineData("new", 1f, 2, "it needs exactly one piece of type unknown.")]
    public void Load_WrongPiece_IsNamed(string text, float score, int type, string reason) =>
        Assert.EndsWith(reason, Refusal(Model(extra: new Piece(text, score, (PieceType)type))), StringComparison.Ordinal);

    private static void LoadsOrNamesTheFile(byte[] file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            GemmaTokenizer tokenizer = GemmaTokenizer.Load(new MemoryStream(file), "tokenizer.model");
            tokenizer.Decode(tokenizer.Encode("Ada writes <b>two</b> letters  \n 😀", special: true));
        }
        catch (ModelException e)
        {
            Assert.StartsWith("tokenizer.model cannot be used: ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    private static string Refusal(byte[] file) => Assert.Throws<ModelException>(() => GemmaTokenizer.Load(new MemoryStream(file), "tokenizer.model")).Message;

    /// <summary>A small vocabulary, written field by field: 6 named pieces, 256 bytes, "last", and what is asked for.</summary>
    private static byte[] Model(int modelType = 2, bool byteFallback = true, bool dummyPrefix = false, string without = "", Piece? extra = null)
    {
        IEnumerable<Piece> pieces =
        [
            new("<pad>", 0, PieceType.Control), new("<eos>", 0, PieceType.Control), new("<bos>", 0, PieceType.Control), new("<unk>", 0, PieceType.Unknown),
            new("<start_of_turn>", 0, PieceType.UserDefined), new("<end_of_turn>", 0, PieceType.UserDefined),
            .. Enumerable.Range(0, 256).Select(value => new Piece($"<0x{value:X2}>", 0, PieceType.Byte)),
            new("last", -1, PieceType.UserDefined),
        ];
        return Message(model =>
        {
            foreach (Piece piece in pieces.Where(piece => piece.Text != without).Concat(extra is { } added ? [added] : []))
            {
                Field(model, 1, Message(field =>
                {
                    Field(field, 1, System.Text.Encoding.UTF8.GetBytes(piece.Text));
                    field.WriteTag(2, WireFormat.WireType.Fixed32);
                    field.WriteFloat(piece.Score);
                    Field(field, 3, (int)piece.Type);
                }));
            }

            Field(model, 2, Message(trainer =>
            {
                Field(trainer, 3, modelType);
                Field(trainer, 35, byteFallback ? 1 : 0);
            }));
            Field(model, 3, Message(normalizer =>
            {
                Field(normalizer, 3, dummyPrefix ? 1 : 0);
                Field(normalizer, 4, 0);
            }));
        });
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true)) write(output);
        return stream.ToArray();
    }

    private static void Field(CodedOutputStream output, int number, byte[] value)
    {
        output.WriteTag(number, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(value));
    }

    private static void Field(CodedOutputStream output, int number, int value)
    {
        output.WriteTag(number, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }

    private sealed class EndlessStream : MemoryStream
    {
        public override int Read(Span<byte> buffer)
        {
            buffer.Fill(0x0A);
            return buffer.Length;
        }
    }
}
