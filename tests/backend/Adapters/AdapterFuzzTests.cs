using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights;
using Gemma2.Backend.Tests.Weights.Gguf;

namespace Gemma2.Backend.Tests.Adapters;

/// <summary>Thousands of damaged adapters: each is read or refused with a <see cref="ModelException"/>, with no more memory than its size explains.</summary>
public sealed class AdapterFuzzTests
{
    private const int Iterations = 4000;

    private static readonly string[] Splices =
    [
        "0", "-1", "1", "4", "1e999", "1.5", "2147483648", "9223372036854775807", "NaN", "null", "true", "\"", "\"a\"", "\\ud800", "[", "]", "{", "}", "[]", "{}", ",", ":",
        "(", ")", "(a*)*", "{1000}", "(.*){1000}", "\\\\1", "q_proj", ".*", "F64", "BF16", "\n", "é", "\0", ".lora_A", ".default",
    ];

    private static readonly ulong[] Numbers = [0, 1, 2, 3, 31, 255, 65536, 0x7FFFFFFF, 0xFFFFFFFF, 1UL << 32, 1UL << 61, long.MaxValue, 1UL << 63, ulong.MaxValue];

    [Fact]
    public async Task LoadAsync_DamagedConfig_IsReadOrRefused()
    {
        AdapterFiles files = Files();
        files.Config["alpha_pattern"] = new JsonObject { ["layers.0.*q_proj"] = 4, ["(k|v)_proj"] = 2 };
        MemoryModelSource peft = files.Peft();
        byte[] config = peft.Files["adapter_config.json"];
        await AssertReadOrRefusedAsync(peft, "adapter_config.json", random => Damage(config, random, 0, config.Length));
    }

    [Fact]
    public async Task LoadAsync_DamagedHeader_IsReadOrRefused()
    {
        MemoryModelSource peft = Files().Peft();
        byte[] file = peft.Files["adapter_model.safetensors"];
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        await AssertReadOrRefusedAsync(
            peft, "adapter_model.safetensors", random => HeaderChanges.Join(Damage(file[8..(8 + length)], random, 0, length), file.AsSpan(8 + length)));
    }

    [Fact]
    public async Task LoadAsync_DamagedFile_IsReadOrRefused()
    {
        MemoryModelSource peft = Files().Peft();
        byte[] file = peft.Files["adapter_model.safetensors"];
        await AssertReadOrRefusedAsync(peft, "adapter_model.safetensors", random => Damage(file, random, 0, file.Length));
    }

    [Fact]
    public async Task LoadAsync_DamagedGguf_IsReadOrRefused()
    {
        MemoryModelSource gguf = Files().Gguf();
        byte[] file = gguf.Files["adapter.gguf"];
        int end = file.AsSpan().LastIndexOf("lora_b"u8) + 40;
        await AssertReadOrRefusedAsync(gguf, "adapter.gguf", random => Damage(file, random, 0, end));
    }

    private static AdapterFiles Files() => AdapterFiles.Of(GgufFuzzTests.Small, rank: 2, seed: 1, [TensorNames.Query(0), TensorNames.Down(0)]);

    private static async Task AssertReadOrRefusedAsync(MemoryModelSource adapter, string file, Func<Random, byte[]> damage)
    {
        await using OpenModel model = await ModelReader.OpenAsync(Model(GgufFuzzTests.Small), TestContext.Current.CancellationToken);
        int refused = 0;
        for (int seed = 0; seed < Iterations; seed++)
        {
            MemoryModelSource damaged = new([.. adapter.Files.Select(entry => (entry.Key, entry.Key == file ? damage(new Random(seed)) : entry.Value))]);
            if (IsRefused(model, damaged, damaged.Files.Values.Sum(bytes => bytes.Length))) refused++;
            Assert.Equal(damaged.Opened.Order(), damaged.Closed.Order());
        }
        Assert.InRange(refused, Iterations / 10, Iterations);
    }

    /// <summary>Loads an adapter, whose reads complete at once, so that all runs on this thread.</summary>
    /// <returns>True where it is refused with one short line; other exceptions pass through.</returns>
    private static bool IsRefused(OpenModel model, MemoryModelSource adapter, int size)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Task<AdapterSet> loading = AdapterSet.LoadAsync([new AdapterSource(adapter)], model, TestContext.Current.CancellationToken);
            Assert.True(loading.IsCompleted);
            Assert.NotEmpty(loading.GetAwaiter().GetResult().Adapters.Single().Targets);
            return false;
        }
        catch (ModelException error)
        {
            Assert.InRange(error.Message.Length, 10, 500);
            Assert.DoesNotContain(error.Message, char.IsControl);
            return true;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (4 << 20) + (32 * size));
        }
    }

    private static MemoryModelSource Model(Gemma2Config config) =>
        new(("config.json", SafetensorsWriter.ConfigJson(config)), ("model.safetensors", SafetensorsWriter.Write(SafetensorsWriter.Tensors(config))));

    private static byte[] Damage(byte[] original, Random random, int begin, int end)
    {
        List<byte> bytes = [.. original];
        byte[] number = new byte[8];
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            int at = Math.Min(random.Next(begin, end), bytes.Count), length = Math.Min(random.Next(1, 41), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when length > 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 3: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Splices[random.Next(Splices.Length)])); break;
                case 4:
                    BinaryPrimitives.WriteUInt64LittleEndian(number, Numbers[random.Next(Numbers.Length)]);
                    for (int i = 0; i < random.Next(4, 9) && at + i < bytes.Count; i++) bytes[at + i] = number[i];
                    break;
                case 5 when random.Next(8) == 0: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }
}
