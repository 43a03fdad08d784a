using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Gemma2.Backend.Tensors;
using Microsoft.Win32.SafeHandles;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>
/// Writes a model's tensors as safetensors files while they come, in any order and from several threads: each piece goes where it belongs in its file. What lay in
/// one file before lies in one file again. Source: https://github.com/huggingface/safetensors#format.
/// </summary>
/// <param name="folder">The folder, which exists.</param>
internal sealed class SafetensorsFolderSink(string folder) : ITensorSink, IDisposable
{
    /// <summary>Data begins at a multiple of this.</summary>
    private const int Alignment = 8;

    private readonly Dictionary<TensorEntry, (SafeFileHandle File, long Offset)> _places = [];
    private readonly List<SafeFileHandle> _files = [];

    /// <inheritdoc/>
    /// <exception cref="IOException">A file cannot be written, or there is no room for it.</exception>
    public void Begin(IReadOnlyList<TensorEntry> tensors)
    {
        IGrouping<string, TensorEntry>[] files = [.. tensors.GroupBy(tensor => tensor.File)];
        Dictionary<string, string> index = new(StringComparer.Ordinal);
        foreach ((int number, IGrouping<string, TensorEntry> file) in files.Index())
        {
            string name = files.Length == 1 ? SafetensorsFiles.SingleFile : $"model-{number + 1:D5}-of-{files.Length:D5}.safetensors";
            BeginFile(name, [.. file]);
            foreach (TensorEntry tensor in file) index.Add(tensor.Name, name);
        }
        if (files.Length > 1) File.WriteAllBytes(Path.Combine(folder, SafetensorsFiles.UsualIndex), IndexOf(index, tensors.Sum(tensor => tensor.Length)));
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(TensorEntry tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        (SafeFileHandle file, long offset) = _places[tensor];
        RandomAccess.Write(file, bytes, offset + byteOffset);
    }

    /// <summary>All is written: it is on the disk when this returns.</summary>
    /// <exception cref="IOException">A file could not be written.</exception>
    public void Finish() => _files.ForEach(RandomAccess.FlushToDisk);

    /// <summary>Closes the files.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void BeginFile(string name, IReadOnlyList<TensorEntry> tensors)
    {
        byte[] header = HeaderOf(tensors);
        SafeFileHandle file = File.OpenHandle(
            Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, preallocationSize: header.Length + tensors.Sum(tensor => tensor.Length));
        _files.Add(file);
        RandomAccess.Write(file, header, 0);
        long offset = header.Length;
        foreach (TensorEntry tensor in tensors)
        {
            _places.Add(tensor, (file, offset));
            offset += tensor.Length;
        }
    }

    /// <summary>The header with its length before it.</summary>
    private static byte[] HeaderOf(IReadOnlyList<TensorEntry> tensors)
    {
        ArrayBufferWriter<byte> header = new();
        using (Utf8JsonWriter json = new(header))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long offset = 0;
            foreach (TensorEntry tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, offset + tensor.Length]);
                json.WriteEndObject();
                offset += tensor.Length;
            }
            json.WriteEndObject();
        }
        int length = (header.WrittenCount + Alignment - 1) / Alignment * Alignment;
        byte[] file = new byte[SafetensorsHeader.PrefixLength + length];
        BinaryPrimitives.WriteInt64LittleEndian(file, length);
        file.AsSpan(SafetensorsHeader.PrefixLength).Fill((byte)' ');
        header.WrittenSpan.CopyTo(file.AsSpan(SafetensorsHeader.PrefixLength));
        return file;
    }

    private static byte[] IndexOf(Dictionary<string, string> index, long length)
    {
        ArrayBufferWriter<byte> file = new();
        using (Utf8JsonWriter json = new(file, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", length);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach ((string tensor, string name) in index.OrderBy(entry => entry.Key, StringComparer.Ordinal)) json.WriteString(tensor, name);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return file.WrittenSpan.ToArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
