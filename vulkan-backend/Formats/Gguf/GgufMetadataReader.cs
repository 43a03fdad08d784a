using System.Runtime.InteropServices;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Gguf;

/// <summary>Reads the metadata of a GGUF file.</summary>
internal sealed class GgufMetadataReader(GgufReader reader)
{
    /// <summary>A key's length, a type and a value of one byte.</summary>
    public const int LeastBytes = 13;

    /// <summary>Most keys that are read: models have about 40.</summary>
    public const int MostKeys = 1 << 16;

    private const int DeepestNesting = 4;
    private const int LongestVocabulary = 1 << 20;
    private const string A = "a metadata value";

    /// <summary>Reads a number of keys with their values.</summary>
    public async Task<GgufMetadata> ReadAsync(int count, string label)
    {
        GgufMetadata metadata = new(label);
        for (int i = 0; i < count; i++)
        {
            string key = await reader.ReadTextAsync("a metadata key");
            metadata.Add(key, await ReadValueAsync(key, await ReadTypeAsync(key)));
        }

        return metadata;
    }

    private async ValueTask<GgufValueType> ReadTypeAsync(string key)
    {
        uint type = await reader.ReadUInt32Async("a metadata type");
        return type <= (uint)GgufValueType.Float64
            ? (GgufValueType)type
            : throw reader.Error($"{ModelJson.Show(key)} has a value of type {type}; known are 0 to {(uint)GgufValueType.Float64}.");
    }

    private async ValueTask<object> ReadValueAsync(string key, GgufValueType type) => type switch
    {
        GgufValueType.UInt8 => (Int128)await reader.ReadByteAsync(A),
        GgufValueType.Int8 => (Int128)(sbyte)await reader.ReadByteAsync(A),
        GgufValueType.UInt16 => (Int128)await reader.ReadUInt16Async(A),
        GgufValueType.Int16 => (Int128)(short)await reader.ReadUInt16Async(A),
        GgufValueType.UInt32 => (Int128)await reader.ReadUInt32Async(A),
        GgufValueType.Int32 => (Int128)(int)await reader.ReadUInt32Async(A),
        GgufValueType.UInt64 => (Int128)await reader.ReadUInt64Async(A),
        GgufValueType.Int64 => (Int128)(long)await reader.ReadUInt64Async(A),
        GgufValueType.Float32 => (double)BitConverter.UInt32BitsToSingle(await reader.ReadUInt32Async(A)),
        GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(await reader.ReadUInt64Async(A)),
        GgufValueType.Bool => await ReadFlagAsync(key),
        GgufValueType.String => await reader.ReadTextAsync(A),
        _ => await ReadArrayAsync(key),
    };

    private async ValueTask<bool> ReadFlagAsync(string key) => await reader.ReadByteAsync(A) switch
    {
        0 => false,
        1 => true,
        byte value => throw reader.Error($"{ModelJson.Show(key)} is a bool of value {value}; allowed are 0 and 1."),
    };

    /// <summary>Reads an array of the vocabulary; passes over any other.</summary>
    private async ValueTask<object> ReadArrayAsync(string key)
    {
        GgufValueType type = await ReadTypeAsync(key);
        return (key, type) switch
        {
            (GgufKeys.Tokens or GgufKeys.ImatrixDatasets, GgufValueType.String) => await ReadTextsAsync(key),
            (GgufKeys.Scores, GgufValueType.Float32) => await ReadNumbersAsync<float>(GgufKeys.Scores),
            (GgufKeys.TokenTypes, GgufValueType.Int32 or GgufValueType.UInt32) => await ReadNumbersAsync<int>(GgufKeys.TokenTypes),
            _ => await SkipArrayAsync(key, type, depth: 1),
        };
    }

    private async ValueTask<string[]> ReadTextsAsync(string key)
    {
        int count = await reader.ReadCountAsync(key, GgufValueType.String.LeastBytes(), LongestVocabulary);
        string[] texts = new string[count];
        for (int i = 0; i < count; i++) texts[i] = await reader.ReadTextAsync("a token");
        return texts;
    }

    /// <summary>Reads numbers of 4 bytes.</summary>
    private async ValueTask<T[]> ReadNumbersAsync<T>(string key) where T : unmanaged
    {
        int count = await reader.ReadCountAsync(key, sizeof(int), LongestVocabulary);
        ReadOnlyMemory<byte> bytes = await reader.ReadBytesAsync(count * sizeof(int), key);
        return MemoryMarshal.Cast<byte, T>(bytes.Span).ToArray();
    }

    private async ValueTask<object> SkipArrayAsync(string key, GgufValueType type, int depth)
    {
        if (depth > DeepestNesting) throw reader.Error($"{ModelJson.Show(key)} holds arrays in arrays, more than {DeepestNesting} deep.");
        int count = await reader.ReadCountAsync(A, type.LeastBytes());
        if (type.IsFixed()) await reader.SkipAsync((long)count * type.LeastBytes(), A);
        for (int i = 0; i < count && type == GgufValueType.String; i++) await reader.SkipAsync(await reader.ReadCountAsync(A, leastBytes: 1), A);
        for (int i = 0; i < count && type == GgufValueType.Array; i++) await SkipArrayAsync(key, await ReadTypeAsync(key), depth + 1);
        return GgufMetadata.SkippedArray;
    }
}
