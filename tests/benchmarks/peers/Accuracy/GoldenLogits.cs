using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Gemma2.Benchmarks.Peers.Accuracy;

/// <summary>What follows a prompt, computed in double precision from the same file's weights.</summary>
/// <param name="Tokens">The prompt.</param>
/// <param name="Logits">[vocabulary] after its last token, softcap included.</param>
internal sealed record ExpectedLogits(int[] Tokens, double[] Logits);

/// <summary>Expected logits that lie beside a model: golden.json names them, golden.safetensors holds them (tests/golden/README.md).</summary>
internal static class GoldenLogits
{
    /// <summary>Reads all prompts of a folder.</summary>
    public static IReadOnlyList<ExpectedLogits> Read(string folder)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(folder, "golden.safetensors"));
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(sizeof(long), headerLength));
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        return
        [
            .. golden.RootElement.GetProperty("prompts").EnumerateArray().Select(prompt => new ExpectedLogits(
                [.. prompt.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())],
                Tensor(prompt.GetProperty("last_logits").GetString()!))),
        ];

        double[] Tensor(string name)
        {
            JsonElement offsets = header.RootElement.GetProperty(name).GetProperty("data_offsets");
            ReadOnlySpan<byte> bytes = file.AsSpan(sizeof(long) + headerLength)[offsets[0].GetInt32()..offsets[1].GetInt32()];
            return [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(value => (double)value)];
        }
    }
}
