using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>The model that the repository ships with more rows in its embedding, as tunes with added tokens have them.</summary>
internal static class GrownNano
{
    /// <summary>Rows of the embedding as it is.</summary>
    public const int Rows = 2048;

    private const string Embedding = "model.embed_tokens.weight";

    /// <summary>Adds rows behind the embedding, and files.</summary>
    /// <param name="copied">For each row that is added, the token whose row it is, eight times as large: where that token is likely, the added row is likelier by far.</param>
    /// <param name="files">What lies beside the weights.</param>
    public static MemoryModelSource Of(int[] copied, params ReadOnlySpan<(string Name, string Text)> files)
    {
        MemoryModelSource source = MemoryModelSource.Of(NanoModel.Folder);
        JsonNode config = JsonNode.Parse(source.Files["config.json"])!;
        config["vocab_size"] = Rows + copied.Length;
        source.Files["config.json"] = Encoding.UTF8.GetBytes(config.ToJsonString());
        source.Files["model.safetensors"] = Grow(source.Files["model.safetensors"], copied);
        foreach ((string name, string text) in files) source.Files[name] = Encoding.UTF8.GetBytes(text);
        return source;
    }

    private static byte[] Grow(byte[] file, int[] copied)
    {
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonObject header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        JsonNode embedding = header[Embedding]!;
        Assert.Equal("BF16", embedding["dtype"]!.GetValue<string>());
        int width = embedding["shape"]![1]!.GetValue<int>() * 2, begin = embedding["data_offsets"]![0]!.GetValue<int>(), end = embedding["data_offsets"]![1]!.GetValue<int>();
        byte[] data = file[(8 + length)..];
        byte[] added = [.. copied.SelectMany(token => Eightfold(data.AsSpan(begin + (token * width), width)))];

        embedding["shape"]![0] = Rows + copied.Length;
        foreach ((string name, JsonNode? tensor) in header)
        {
            if (tensor!["data_offsets"] is not { } offsets) continue;
            for (int i = 0; i < 2; i++)
                if (offsets[i]!.GetValue<int>() is int offset && (offset > begin || (name == Embedding && i == 1))) offsets[i] = offset + added.Length;
        }

        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, json.Length);
        return [.. prefix, .. json, .. data[..end], .. added, .. data[end..]];
    }

    /// <summary>Three more in the exponent.</summary>
    private static byte[] Eightfold(ReadOnlySpan<byte> numbers)
    {
        byte[] larger = numbers.ToArray();
        for (int i = 0; i < larger.Length; i += 2)
        {
            Span<byte> number = larger.AsSpan(i, 2);
            ushort bits = BinaryPrimitives.ReadUInt16LittleEndian(number);
            if ((bits & 0x7f80) != 0) BinaryPrimitives.WriteUInt16LittleEndian(number, (ushort)(bits + (3 << 7)));
        }

        return larger;
    }
}
