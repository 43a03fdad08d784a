using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>
/// An importance matrix in the form that llama.cpp wrote until 2025: the number of entries, and for each a name's length, the name, a number of calls, a number of sums, and
/// the sums, float32. Then, in newer files, the number of pieces of text, and the name of the text's file with its length. All numbers are int32, little-endian.
/// Source: https://github.com/ggml-org/llama.cpp, tools/imatrix/imatrix.cpp, save_imatrix_legacy.
/// </summary>
internal ref struct LegacyImportance
{
    private const int MostEntries = 1 << 16, LongestName = 1 << 10;

    private readonly string _path;
    private readonly int _length;
    private ReadOnlySpan<byte> _left;

    private LegacyImportance(string path, ReadOnlySpan<byte> bytes)
    {
        (_path, _length) = (path, bytes.Length);
        _left = bytes;
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelException">It breaks a rule of the format.</exception>
    public static ImportanceMatrix Read(string path, ReadOnlySpan<byte> bytes) => new LegacyImportance(path, bytes).Read();

    private ImportanceMatrix Read()
    {
        int count = ReadNumber("the number of entries", 1, MostEntries);
        ImportanceEntries entries = new(_path);
        for (int i = 0; i < count; i++)
        {
            string name = ReadText("a name", leastLength: 1);
            _ = ReadNumber("a number of calls", int.MinValue, int.MaxValue);
            entries.Add(name, MemoryMarshal.Cast<byte, float>(ReadBytes("an entry", sizeof(float) * (long)ReadNumber("a number of sums", 1, int.MaxValue))));
        }
        int chunks = _left.IsEmpty ? 0 : ReadNumber("the number of chunks", int.MinValue, int.MaxValue);
        string dataset = _left.IsEmpty ? "" : ReadText("the dataset's name", leastLength: 0);
        if (!_left.IsEmpty) throw Error($"has {_left.Length} bytes behind its end.");
        return new ImportanceMatrix(_path, entries, dataset.Length > 0 ? dataset : null, Math.Max(0, chunks));
    }

    private int ReadNumber(string what, int lowest, int highest)
    {
        int number = BinaryPrimitives.ReadInt32LittleEndian(ReadBytes(what, sizeof(int)));
        return number >= lowest && number <= highest ? number : throw Error($"{what} is {number}, before byte {_length - _left.Length}; allowed are {lowest} to {highest}.");
    }

    private string ReadText(string what, int leastLength)
    {
        ReadOnlySpan<byte> text = ReadBytes(what, ReadNumber($"the length of {what}", leastLength, LongestName));
        return Encoding.UTF8.GetString(text);
    }

    private ReadOnlySpan<byte> ReadBytes(string what, long count)
    {
        if (count > _left.Length) throw Error($"ends in the middle of {what}.");
        ReadOnlySpan<byte> bytes = _left[..(int)count];
        _left = _left[(int)count..];
        return bytes;
    }

    private readonly ModelException Error(string message) => new($"{_path}: is no importance matrix that is whole, neither in GGUF nor in the older form (.dat): {message}");
}
