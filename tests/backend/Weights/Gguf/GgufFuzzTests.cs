using System.Buffers.Binary;
using CsCheck;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights.Gguf;

/// <summary>Thousands of damaged GGUF files: each is read or refused with a <see cref="ModelException"/>, with no more memory than its size explains.</summary>
public sealed class GgufFuzzTests
{
    private const int Iterations = 4000;

#if DEBUG
    private const int AllowedPerByte = 48; // Code that is not optimized makes more objects of the same file.
#else
    private const int AllowedPerByte = 32;
#endif

    /// <summary>A model whose file is small enough to be damaged often.</summary>
    internal static readonly Gemma2Config Small = Gemma2Config.Parse(
        """
        {"model_type": "gemma2", "vocab_size": 270, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "query_pre_attn_scalar": 4}
        """u8.ToArray(), "small");

    /// <summary>Lengths, counts and offsets that overflow, wrap, or are nearly right.</summary>
    private static readonly ulong[] Numbers =
        [0, 1, 2, 3, 7, 12, 13, 31, 255, 256, 1000, 65536, 1 << 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1UL << 32, 1UL << 61, long.MaxValue, 1UL << 63, ulong.MaxValue - 15, ulong.MaxValue];

    /// <summary>A byte or a number replaced, bytes removed, bytes doubled, the file cut.</summary>
    private static readonly Gen<(int Kind, double Where, byte Value, ulong Number, int Count)[]> Changes =
        Gen.Select(Gen.Int[0, 5], Gen.Double[0, 1], Gen.Byte, Gen.Int[0, Numbers.Length - 1].Select(index => Numbers[index]), Gen.Int[1, 40]).Array[1, 4];

    [Fact]
    public void ReadAsync_DamagedHeader_IsReadOrRefused() => AssertReadOrRefused(SmallFile(), HeaderLength(SmallFile()));

    [Fact]
    public void ReadAsync_DamagedTensorList_IsReadOrRefused()
    {
        byte[] file = SmallFile();
        int list = file.AsSpan().IndexOf("token_embd.weight"u8) - 8;
        AssertReadOrRefused(file, HeaderLength(file), list);
    }

    [Fact]
    public void ReadAsync_DamagedKeys_IsReadOrRefused()
    {
        byte[] file = SmallFile();
        AssertReadOrRefused(file, file.AsSpan().IndexOf("tokenizer.ggml.tokens"u8) + 100);
    }

    [Fact]
    public void ReadAsync_DamagedFileOfLlamaCpp_IsReadOrRefused() =>
        AssertReadOrRefused(File.ReadAllBytes(Path.Combine(GoldenModels.Root, "broken-gguf", "valid_unknown_keys.gguf")), int.MaxValue);

    private static void AssertReadOrRefused(byte[] file, int end, int begin = 0)
    {
        int refused = 0;
        Changes.Sample(changes =>
        {
            byte[] damaged = Damage(file, begin, Math.Min(end, file.Length), changes);
            MemoryModelSource source = new(("m.gguf", damaged));
            if (IsRefused(source, damaged.Length)) Interlocked.Increment(ref refused);
            Assert.Equal(source.Opened, source.Closed);
        }, iter: Iterations);
        Assert.InRange(refused, Iterations / 10, Iterations);
    }

    /// <summary>Opens a model, whose reads complete at once, so that all runs on this thread, and reads its data in pieces that fit the tensors.</summary>
    /// <returns>True where it is refused with one short line; other exceptions pass through.</returns>
    private static bool IsRefused(MemoryModelSource source, int size)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Task<OpenModel> opening = ModelReader.OpenAsync(source);
            Assert.True(opening.IsCompleted);
            OpenModel model = opening.GetAwaiter().GetResult();
            AssertAllocated(before, size);
            RecordingSink sink = new();
            model.ReadAsync(sink).GetAwaiter().GetResult();
            model.DisposeAsync().AsTask().GetAwaiter().GetResult();
            foreach (TensorEntry tensor in sink.Announced) Assert.Equal(tensor.Length, sink.Bytes(tensor.Name).Length);
            return false;
        }
        catch (ModelException error)
        {
            AssertAllocated(before, size);
            Assert.InRange(error.Message.Length, 10, 500);
            Assert.DoesNotContain(error.Message, char.IsControl);
            return true;
        }
    }

    private static void AssertAllocated(long before, int size) =>
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (512 * 1024) + (AllowedPerByte * size));

    private static byte[] SmallFile()
    {
        GgufBytes file = GgufBytes.Of(Small).WithVocabulary(270);
        file.Metadata["tokenizer.chat_template"] = "{{ bos_token }}";
        file.Metadata["extra.array"] = new[] { "a", "b" };
        return file.Write();
    }

    private static int HeaderLength(byte[] file) => file.AsSpan().IndexOf("output_norm.weight"u8) + 50;

    private static byte[] Damage(byte[] original, int begin, int end, (int Kind, double Where, byte Value, ulong Number, int Count)[] changes)
    {
        List<byte> bytes = [.. original];
        byte[] number = new byte[8];
        foreach ((int kind, double where, byte value, ulong replaced, int count) in changes)
        {
            int at = Math.Min(begin + (int)(where * (end - begin)), bytes.Count), length = Math.Min(count, bytes.Count - at);
            BinaryPrimitives.WriteUInt64LittleEndian(number, replaced);
            switch (kind)
            {
                case 0 when length > 0: bytes[at] = value; break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, [.. bytes.Skip(at).Take(length)]); break;
                case 3 or 4: for (int i = 0; i < (kind == 3 ? 8 : 4) && at + i < bytes.Count; i++) bytes[at + i] = number[i]; break;
                case 5 when value < 64: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }

        return [.. bytes];
    }
}
