using System.Buffers.Binary;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>
/// The header of a GGUF file: magic, version, counts, metadata, tensors; then, at the next multiple of the alignment, the data.
/// Source: https://github.com/ggml-org/ggml, docs/gguf.md.
/// </summary>
/// <param name="Metadata">Keys and values.</param>
/// <param name="Tensors">The file's tensors in the order of their data, which lies within the file and does not overlap.</param>
/// <param name="Length">Bytes of the header, without the padding before the data.</param>
internal sealed record GgufHeader(GgufMetadata Metadata, IReadOnlyList<TensorEntry> Tensors, long Length)
{
    private const uint Magic = 0x46554747;
    private const int DefaultAlignment = 32;
    private const int LargestAlignment = 1 << 20;

    /// <summary>Reads and checks a header.</summary>
    /// <param name="reader">The file from its first byte on.</param>
    /// <param name="model">The model's name, for messages.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="fileLength">The file's length in bytes.</param>
    /// <exception cref="ModelException">The header breaks a rule of the format, or a tensor has a type that is not supported.</exception>
    public static async Task<GgufHeader> ReadAsync(GgufReader reader, string model, string file, long fileLength)
    {
        uint magic = await reader.ReadUInt32Async("its first 4 bytes");
        if (magic != Magic) throw reader.Error($"does not begin with GGUF: it {await DescribeAsync(reader, magic, fileLength)}");
        await CheckVersionAsync(reader);
        int tensorCount = await reader.ReadCountAsync("the list of tensors", GgufTensorReader.LeastBytes, GgufTensorReader.MostTensors);
        int keyCount = await reader.ReadCountAsync("the metadata", GgufMetadataReader.LeastBytes, GgufMetadataReader.MostKeys);
        GgufMetadata metadata = await new GgufMetadataReader(reader).ReadAsync(keyCount, $"{model}/{file}");
        int alignment = metadata.Integer(GgufKeys.Alignment, 1, LargestAlignment, DefaultAlignment);
        if (!int.IsPow2(alignment)) throw metadata.Error(GgufKeys.Alignment, "a power of two");
        GgufTensor[] tensors = await new GgufTensorReader(reader).ReadAsync(tensorCount);
        return new GgufHeader(metadata, GgufLayout.Place(tensors, reader.Position, alignment, file, fileLength, reader.Error), reader.Position);
    }

    private static async ValueTask<string> DescribeAsync(GgufReader reader, uint magic, long fileLength)
    {
        byte[] first = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(first, magic);
        int more = (int)Math.Min(fileLength, FileContents.PrefixBytes) - first.Length;
        byte[] begin = [.. first, .. (await reader.ReadBytesAsync(more, "its first bytes")).Span];
        if (FileContents.IsSafetensors(begin, fileLength)) return "is a safetensors file: give the folder that holds it and its config.json.";
        return FileContents.DescribeOther(begin, fileLength) ?? "is no GGUF file.";
    }

    private static async ValueTask CheckVersionAsync(GgufReader reader)
    {
        uint version = await reader.ReadUInt32Async("its version");
        if ((version & 0xFFFF) == 0) throw reader.Error("is a big-endian GGUF file; supported are little-endian ones.");
        if (version is not (2 or 3)) throw reader.Error($"is GGUF version {version}; supported are 2 and 3.");
    }
}
