using System.Buffers.Binary;
using System.Text;
using Gemma2.Backend.Tests.Weights;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>Changes headers of safetensors files.</summary>
internal static class HeaderChanges
{
    /// <summary>Replaces text of a file's header, and says its new length.</summary>
    public static void ReplaceInHeader(this MemoryModelSource source, string file, string from, string to)
    {
        byte[] bytes = source.Files[file];
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        byte[] header = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes.AsSpan(8, length)).Replace(from, to, StringComparison.Ordinal));
        source.Files[file] = Join(header, bytes.AsSpan(8 + length));
    }

    /// <summary>A file of this header and data.</summary>
    public static byte[] Join(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data)
    {
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        return [.. prefix, .. header, .. data];
    }
}
