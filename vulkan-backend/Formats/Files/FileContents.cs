using System.Buffers.Binary;
using System.Text;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Files;

/// <summary>What a file is by its first bytes, whatever it is called.</summary>
internal static class FileContents
{
    /// <summary>As many bytes tell kinds apart.</summary>
    public const int PrefixBytes = 512;

    private const int TarMark = 257;
    private const string Take = "take the model's safetensors files or a GGUF file of it";

    // What begins a file, and what it is then. Sources: the formats' own documents; those of GGML before GGUF: https://github.com/ggml-org/llama.cpp/pull/2398.
    private static readonly (byte[] Mark, string What)[] _marks =
    [
        ("lmgg"u8.ToArray(), Ggml()), ("fmgg"u8.ToArray(), Ggml()), ("tjgg"u8.ToArray(), Ggml()), ("algg"u8.ToArray(), Ggml()),
        ([0x89, .. "HDF\r\n"u8], $"is an HDF5 file of Keras or TensorFlow, which is not read: {Take}."),
        ([0x93, .. "NUMPY"u8], $"is a NumPy array, which is not read: {Take}."),
        ([0x1f, 0x8b], Archive("gzip")), ("BZh"u8.ToArray(), Archive("bzip2")), ([0xfd, .. "7zXZ"u8], Archive("xz")),
        ([0x28, 0xb5, 0x2f, 0xfd], Archive("zstd")), ([0x37, 0x7a, 0xbc, 0xaf], Archive("7z")),
    ];

    /// <summary>Whether a file is GGUF.</summary>
    public static bool IsGguf(ReadOnlySpan<byte> begin) => begin.StartsWith("GGUF"u8);

    /// <summary>Whether a file may be safetensors: a length that the file has room for, then a JSON object.</summary>
    public static bool IsSafetensors(ReadOnlySpan<byte> begin, long length) =>
        begin.Length > sizeof(ulong) && begin[sizeof(ulong)] == '{' && BinaryPrimitives.ReadUInt64LittleEndian(begin) <= (ulong)(length - sizeof(ulong));

    /// <summary>What a file is that is expected to hold weights, and what to do.</summary>
    /// <param name="begin">Its first bytes: <see cref="PrefixBytes"/>, or all.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <returns>A sentence without its subject; null for a kind that is not known, or one that is read.</returns>
    public static string? DescribeOther(ReadOnlySpan<byte> begin, long length)
    {
        if (DescribePlaceholder(begin) is { } placeholder) return placeholder;
        if (length == 0) return null;
        if (begin.StartsWith("PK\x3\x4"u8))
            return begin.IndexOf("data.pkl"u8) >= 0 ? PyTorch() : $"is a zip archive: unpack it, or {Take}.";
        if (IsPickle(begin)) return PyTorch();
        foreach ((byte[] mark, string what) in _marks)
            if (begin.StartsWith(mark)) return what;
        if (begin.Length > TarMark && begin[TarMark..].StartsWith("ustar"u8)) return Archive("tar");
        if (begin.Length > 8 && begin[4..].StartsWith("TFL3"u8)) return $"is a TensorFlow Lite model, which is not read: {Take}.";
        if (IsOnnx(begin)) return $"is an ONNX graph, which is not read: {Take}.";
        if (begin.Length >= 16 && !begin.ContainsAnyExcept((byte)0)) return "begins with zeros only: its download was not finished; fetch it again.";
        return IsText(begin) ? $"is a text that begins with \"{FirstLine(begin)}\", and no weights: its download may have failed; fetch it again." : null;
    }

    /// <summary>What a file is that only stands for the one that is wanted, and what to do.</summary>
    /// <returns>A sentence without its subject; null where it is another.</returns>
    public static string? DescribePlaceholder(ReadOnlySpan<byte> begin)
    {
        if (begin.StartsWith("version https://git-lfs.github.com/spec/"u8))
            return $"is a git-lfs pointer{Size(begin)} and not the file itself: run `git lfs pull` where it was cloned, or fetch the model with `gemma2 pull hf:OWNER/NAME DIR`.";
        ReadOnlySpan<byte> text = begin.StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]) ? begin[3..] : begin;
        string start = Encoding.Latin1.GetString(text.TrimStart(" \t\r\n"u8)[..Math.Min(14, text.TrimStart(" \t\r\n"u8).Length)]);
        return start.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || start.StartsWith("<html", StringComparison.OrdinalIgnoreCase)
            ? "is a web page: a download got it in place of the file; fetch it again, a gated model's with a token (HF_TOKEN)."
            : null;
    }

    private static string Ggml() => $"is a GGML file of the time before GGUF, which cannot hold a Gemma 2: {Take}.";

    private static string Archive(string kind) => $"is a {kind} archive: unpack it, or {Take}.";

    private static string PyTorch() =>
        $"is a PyTorch checkpoint, a pickle that can run code, and is not read: {Take}, or save it anew with transformers' save_pretrained(DIR, safe_serialization=True).";

    /// <summary>Protocols 2 to 5 begin with an opcode and their number; what follows is an opcode too.</summary>
    private static bool IsPickle(ReadOnlySpan<byte> begin) => begin.Length > 2 && begin[0] == 0x80 && begin[1] is >= 2 and <= 5 && begin[2] is 0x8a or (byte)'}' or (byte)']' or (byte)'c' or 0x95;

    /// <summary>Field 1 is the version, field 2 the producer's name.</summary>
    private static bool IsOnnx(ReadOnlySpan<byte> begin) =>
        begin.Length > 8 && begin[0] == 0x08 && begin[1] < 64 && begin[2] == 0x12 && begin[3] < 64 && IsText(begin.Slice(4, Math.Min(4, (int)begin[3])));

    private static bool IsText(ReadOnlySpan<byte> begin)
    {
        foreach (byte character in begin)
            if (character is < 0x20 and not ((byte)'\t' or (byte)'\r' or (byte)'\n') or 0x7f or >= 0x80) return false;
        return !begin.IsEmpty;
    }

    private static string FirstLine(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> trimmed = text.TrimStart(" \t\r\n"u8);
        int end = trimmed.IndexOfAny("\r\n"u8);
        string line = Encoding.ASCII.GetString(end < 0 ? trimmed : trimmed[..end]);
        return ModelJson.Show(line.Length > 60 ? line[..60] : line);
    }

    /// <summary>The third line of a pointer: the size of the file that it stands for.</summary>
    private static string Size(ReadOnlySpan<byte> pointer)
    {
        int at = pointer.IndexOf("\nsize "u8);
        if (at < 0) return "";
        ReadOnlySpan<byte> digits = pointer[(at + 6)..];
        int end = digits.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        digits = end < 0 ? digits : digits[..end];
        return digits.Length is > 0 and <= 19 ? $" to {Encoding.ASCII.GetString(digits)} bytes" : "";
    }
}
