using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Safetensors;
using Gemma2.Backend.Tensors;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>Thousands of damaged files: each is read or refused with a <see cref="ModelException"/>, with no more memory than its size explains.</summary>
public sealed class ModelFuzzTests
{
    private const int Iterations = 4000;

    private static readonly string Root = Path.Combine(GoldenModels.Root, "broken-safetensors");

    /// <summary>What is put in the place of a piece of a JSON text.</summary>
    private static readonly string[] Splices =
    [
        "0", "-1", "1", "2", "7", "1e999", "1.5", "2147483648", "4294967296", "9223372036854775807", "18446744073709551615", "NaN", "null", "true", "\"", "\"a\"",
        "\\ud800", "[", "]", "{", "}", "[]", "{}", ",", ":", "[[[[", "{\"a\":{\"a\":", "F64", "BF16", "__metadata__", "\n", "é", "\0",
    ];

    /// <summary>Several changes: a byte replaced, bytes removed, bytes doubled, or a splice put in.</summary>
    private static readonly Gen<(int Kind, double Where, byte Value, string Splice, int Count)[]> Changes =
        Gen.Select(Gen.Int[0, 3], Gen.Double[0, 1], Gen.Byte, Gen.Int[0, Splices.Length - 1].Select(index => Splices[index]), Gen.Int[1, 40]).Array[1, 4];

    [Fact]
    public void Parse_DamagedConfig_IsReadOrRefused() =>
        AssertReadOrRefused(File.ReadAllBytes(Path.Combine(Root, "valid_single", "model", "config.json")), json => Gemma2Config.Parse(json, "config.json", []));

    [Fact]
    public void Parse_DamagedConfigOfNewerTools_IsReadOrRefused() => AssertReadOrRefused(
        """
        {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "text_config": {"model_type": "gemma2", "vocab_size": 40, "hidden_size": 6, "intermediate_size": 10,
         "num_hidden_layers": 2, "num_attention_heads": 4, "layer_types": ["sliding_attention", "full_attention"], "use_bidirectional_attention": null, "quantization_config": {},
         "rope_parameters": {"sliding_attention": {"rope_theta": 1e4, "rope_type": "default"}, "full_attention": {"rope_theta": 1e4}}, "rope_scaling": {"type": "linear", "factor": 1}}}
        """u8.ToArray(), json => Gemma2Config.Parse(json, "config.json", []));

    [Fact]
    public void Parse_DamagedGenerationConfig_IsReadOrRefused() => AssertReadOrRefused(
        """
        {"bos_token_id": 2, "do_sample": true, "eos_token_id": [1, 107], "temperature": 0.7, "top_k": 64, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.1, "num_beams": 1}
        """u8.ToArray(), json => GenerationConfigFile.Parse(json, "generation_config.json", 256000, []));

    private static void AssertReadOrRefused(byte[] json, Action<byte[]> parse)
    {
        int refused = 0;
        Changes.Sample(changes =>
        {
            if (IsRefused(() => parse(Damage(json, changes)), json.Length)) Interlocked.Increment(ref refused);
        }, iter: Iterations);
        Assert.InRange(refused, Iterations / 10, Iterations);
    }

    [Fact]
    public void ReadAsync_DamagedHeader_IsReadOrRefused()
    {
        MemoryModelSource model = MemoryModelSource.Of(Path.Combine(Root, "valid_single", "model"));
        byte[] file = model.Files["model.safetensors"];
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        byte[] header = file[8..(8 + headerLength)], data = file[(8 + headerLength)..];
        AssertReadOrRefused(model, "model.safetensors", changes =>
        {
            byte[] damaged = Damage(header, changes), prefix = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(prefix, damaged.Length);
            return [.. prefix, .. damaged, .. data];
        });
    }

    [Fact]
    public void ReadAsync_DamagedFile_IsReadOrRefused()
    {
        MemoryModelSource model = MemoryModelSource.Of(Path.Combine(Root, "valid_single", "model"));
        AssertReadOrRefused(model, "model.safetensors", changes => Damage(model.Files["model.safetensors"], changes));
    }

    [Fact]
    public void ReadAsync_DamagedIndex_IsReadOrRefused()
    {
        MemoryModelSource model = MemoryModelSource.Of(Path.Combine(Root, "valid_two_files", "model"));
        AssertReadOrRefused(model, "model.safetensors.index.json", changes => Damage(model.Files["model.safetensors.index.json"], changes));
    }

    private static void AssertReadOrRefused(
        MemoryModelSource model, string file, Func<(int Kind, double Where, byte Value, string Splice, int Count)[], byte[]> damage)
    {
        int size = model.Files.Values.Sum(bytes => bytes.Length), refused = 0;
        Changes.Sample(changes =>
        {
            MemoryModelSource damaged = new([.. model.Files.Select(entry => (entry.Key, entry.Key == file ? damage(changes) : entry.Value))]);
            if (IsRefused(() => Read(damaged), size)) Interlocked.Increment(ref refused);
            Assert.Equal(damaged.Opened.Order(), damaged.Closed.Order());
        }, iter: Iterations);
        Assert.InRange(refused, Iterations / 10, Iterations);
    }

    /// <returns>True where the action throws a <see cref="ModelException"/> of one short line; other exceptions pass through.</returns>
    private static bool IsRefused(Action read, int size)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            read();
            return false;
        }
        catch (ModelException error)
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 * 1024 + 32 * size);
            Assert.InRange(error.Message.Length, 10, 500);
            Assert.DoesNotContain(error.Message, char.IsControl);
            return true;
        }
    }

    /// <summary>Reads a model whose reads complete at once, so that headers are read on this thread. Damage may lie in the data: what is read follows the sink's contract.</summary>
    private static void Read(MemoryModelSource model)
    {
        RecordingSink sink = new();
        sink.ReadAsync(model).GetAwaiter().GetResult();
        foreach (TensorEntry tensor in sink.Announced) Assert.Equal(tensor.Length, sink.Bytes(tensor.Name).Length);
    }

    private static byte[] Damage(byte[] original, (int Kind, double Where, byte Value, string Splice, int Count)[] changes)
    {
        List<byte> bytes = [.. original];
        foreach ((int kind, double where, byte value, string splice, int count) in changes)
        {
            int at = (int)(where * bytes.Count), length = Math.Min(count, bytes.Count - at);
            switch (kind)
            {
                case 0 when length > 0: bytes[at] = value; break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, [.. bytes.Skip(at).Take(length)]); break;
                case 3: bytes.InsertRange(at, Encoding.UTF8.GetBytes(splice)); break;
            }
        }

        return [.. bytes];
    }
}
