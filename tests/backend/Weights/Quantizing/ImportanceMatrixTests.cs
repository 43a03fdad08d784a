using System.Buffers.Binary;
using CsCheck;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights.Quantizing;

public sealed class ImportanceMatrixTests
{
    private const int Iterations = 4000;

    private static readonly Dictionary<string, float[]> Sums = new() { ["blk.0.attn_q.weight"] = [1, 3, 0, 4], ["blk.0.ffn_down.weight"] = [8, 8] };

    /// <summary>Lengths and counts that overflow, wrap, or are nearly right; sums that are none.</summary>
    private static readonly uint[] Numbers = [0, 1, 2, 3, 4, 12, 31, 255, 256, 65536, 65537, 1 << 20, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FC00000, 0x7F800000, 0xBF800000];

    [Fact]
    public async Task ReadAsync_BothForms_SayTheSame()
    {
        ImportanceMatrix gguf = await ImportanceMatrix.ReadAsync("i.gguf", ImportanceFiles.Gguf(Sums)), legacy = await ImportanceMatrix.ReadAsync("i.dat", ImportanceFiles.Legacy(Sums));
        foreach (ImportanceMatrix read in (ImportanceMatrix[])[gguf, legacy])
        {
            Assert.Equal(("calibration.txt", 7), (read.Dataset, read.Chunks));
            Assert.Equal(Sums.Keys, read.Entries.Keys);
            Assert.Equal([0.5f, 1.5f, 1e-6f, 2], read.Entries["blk.0.attn_q.weight"]);
            Assert.Equal([1, 1], read.Entries["blk.0.ffn_down.weight"]);
        }
    }

    [Fact]
    public async Task ReadAsync_OldestForm_EndsWithTheEntries()
    {
        ImportanceMatrix read = await ImportanceMatrix.ReadAsync("i.dat", ImportanceFiles.Legacy(Sums, dataset: null));
        Assert.Equal((null, 0, 2), (read.Dataset, read.Chunks, read.Entries.Count));
    }

    [Fact]
    public async Task ReadAsync_MatrixThatWasNeverUsed_IsAsIfItWereNotThere()
    {
        Dictionary<string, float[]> sums = new(Sums) { ["blk.1.attn_q.weight"] = [0, 0] };
        Assert.Equal(Sums.Keys, (await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Gguf(sums))).Entries.Keys);
        Assert.Equal(Sums.Keys, (await ImportanceMatrix.ReadAsync("i", ImportanceFiles.Legacy(sums))).Entries.Keys);
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, count: 0), "i: says nothing about any matrix.");
    }

    [Fact]
    public async Task ReadAsync_SomethingElse_IsNamed()
    {
        await AssertRefusedAsync([], "ends in the middle of the number of entries.");
        await AssertRefusedAsync("# Text that is no matrix"u8.ToArray(), "i: is no importance matrix that is whole,");
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, change: file => file.Metadata["general.type"] = "model"), "general.type is \"model\"; allowed is \"imatrix\"");
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, change: file => file.Metadata.Remove("general.type")), "general.type is missing");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(-1)]
    [InlineData(float.PositiveInfinity)]
    public async Task ReadAsync_SumThatIsNoneOfSquares_IsRefused(float sum)
    {
        Dictionary<string, float[]> sums = new(Sums) { ["blk.1.attn_q.weight"] = [1, sum] };
        await AssertRefusedAsync(ImportanceFiles.Legacy(sums), $"i: blk.1.attn_q.weight holds the sum of squares {sum}.");
        await AssertRefusedAsync(ImportanceFiles.Gguf(sums), $"i: blk.1.attn_q.weight holds the sum of squares {sum}.");
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, count: float.NaN), "has the count NaN.");
    }

    [Fact]
    public async Task ReadAsync_FileThatIsCutOrTooLong_IsRefused()
    {
        byte[] legacy = ImportanceFiles.Legacy(Sums), gguf = ImportanceFiles.Gguf(Sums);
        int entries = ImportanceFiles.Legacy(Sums, dataset: null).Length;
        for (int length = 0; length < legacy.Length; length++)
            if (length != entries && length != entries + sizeof(int)) await AssertRefusedAsync(legacy[..length], "ends in the middle of");
        await AssertRefusedAsync([.. legacy, 0], "has 1 bytes behind its end.");
        for (int length = 4; length < gguf.Length - 31; length += 7) await AssertRefusedAsync(gguf[..length], "i");
    }

    [Fact]
    public async Task ReadAsync_PartsThatDoNotBelongTogether_AreNamed()
    {
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, change: file => file.Tensors[1] = ("other", TensorType.F32, [1])), "blk.0.attn_q.weight has sums (.in_sum2), but no .counts.");
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, change: file => file.Tensors[1] = ("blk.0.attn_q.weight.counts", TensorType.F32, [8])), "has 8 counts, as mixtures of experts have");
        await AssertRefusedAsync(ImportanceFiles.Gguf(Sums, change: file => file.Tensors[0] = ("blk.0.attn_q.weight.in_sum2", TensorType.BF16, [8])), "has sums of BF16 and counts of F32; both must be F32.");
        await AssertRefusedAsync(Twice(ImportanceFiles.Legacy(new Dictionary<string, float[]> { ["a"] = [1], ["b"] = [1] })), "i: a is there twice.");

        static byte[] Twice(byte[] file)
        {
            file[file.AsSpan().IndexOf((byte)'b')] = (byte)'a';
            return file;
        }
    }

    [Fact]
    public void ReadAsync_DamagedLegacyFile_IsReadOrRefused() => AssertReadOrRefused(ImportanceFiles.Legacy(Sums));

    [Fact]
    public void ReadAsync_DamagedGgufFile_IsReadOrRefused() => AssertReadOrRefused(ImportanceFiles.Gguf(Sums));

    private static async Task AssertRefusedAsync(byte[] file, string message) =>
        Assert.Contains(message, (await Assert.ThrowsAsync<ModelException>(() => ImportanceMatrix.ReadAsync("i", file))).Message);

    /// <summary>A byte or a number replaced, bytes removed, bytes doubled, the file cut: read or refused with one short line, with no more memory than the file's size explains.</summary>
    private static void AssertReadOrRefused(byte[] file)
    {
        int refused = 0;
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, file.Length - 1], Gen.Byte, Gen.Int[0, Numbers.Length - 1].Select(index => Numbers[index]), Gen.Int[1, 40]).Array[1, 3].Sample(changes =>
        {
            byte[] damaged = Damage(file, changes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ImportanceMatrix read = ImportanceMatrix.ReadAsync("i", damaged).GetAwaiter().GetResult();
                Assert.All(read.Entries.Values, values => Assert.All(values, value => Assert.True(value > 0 && float.IsFinite(value))));
            }
            catch (ModelException error)
            {
                Interlocked.Increment(ref refused);
                Assert.InRange(error.Message.Length, 5, 500);
                Assert.DoesNotContain(error.Message, char.IsControl);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (256 * 1024) + (64 * damaged.Length));
        }, iter: Iterations, seed: "0000000000001");
        Assert.InRange(refused, Iterations / 10, Iterations);
    }

    private static byte[] Damage(byte[] file, (int Kind, int At, byte Value, uint Number, int Count)[] changes)
    {
        List<byte> bytes = [.. file];
        byte[] number = new byte[sizeof(uint)];
        foreach ((int kind, int where, byte value, uint replaced, int count) in changes)
        {
            int at = Math.Min(where, bytes.Count), length = Math.Min(count, bytes.Count - at);
            BinaryPrimitives.WriteUInt32LittleEndian(number, replaced);
            switch (kind)
            {
                case 0 when length > 0: bytes[at] = value; break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, [.. bytes.Skip(at).Take(length)]); break;
                case 3: for (int i = 0; i < number.Length && at + i < bytes.Count; i++) bytes[at + i] = number[i]; break;
                case 4 when value < 64: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }
}
