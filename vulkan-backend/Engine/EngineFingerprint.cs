using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Engine;

/// <summary>All that answers follow from beside the request. Where a model lies, what it is called and where the program was built do not count.</summary>
/// <param name="Weights">Hash of the weights as they lie in device memory.</param>
/// <param name="Config">The model's numbers.</param>
/// <param name="ChatTemplate">How conversations become prompts.</param>
/// <param name="Tokenizer">Its vocabulary.</param>
/// <param name="Sampling">How tokens are picked where a request says nothing.</param>
/// <param name="KvCacheType">How keys and values are kept.</param>
/// <param name="Families">The families of kernels that compute.</param>
/// <param name="Device">Name, driver and subgroups of the device.</param>
internal sealed record EngineFingerprint(string Weights, Gemma2Config Config, ChatTemplate? ChatTemplate, GemmaTokenizer? Tokenizer, SamplingDefaults Sampling, KvCacheType KvCacheType, string Families, string Device)
{
    /// <summary>Version of the host's part of the arithmetic: raised when sampling, rotary angles, tokens or templates come out otherwise than before.</summary>
    private const int HostVersion = 1;

    // Of a piece of the vocabulary: about so many, and those of its end, type and score.
    private const int BytesAPiece = 16, RestBytes = 2 + sizeof(float);

    /// <param name="weights">Hash of the weights as they lie in device memory.</param>
    /// <param name="config">The model's numbers.</param>
    /// <param name="chatTemplate">How conversations become prompts.</param>
    /// <param name="tokenizer">Its vocabulary.</param>
    /// <param name="sampling">How tokens are picked where a request says nothing.</param>
    /// <param name="kvCacheType">How keys and values are kept.</param>
    /// <param name="kernels">The kernels, after their check.</param>
    public EngineFingerprint(string weights, Gemma2Config config, ChatTemplate? chatTemplate, GemmaTokenizer? tokenizer, SamplingDefaults sampling, KvCacheType kvCacheType, KernelSet kernels)
        : this(weights, config, chatTemplate, tokenizer, sampling, kvCacheType, Describe(kernels), $"{kernels.Matrices.Device.Name}; {kernels.Matrices.Device.Driver}; {kernels.Matrices.Device.SubgroupSize}")
    {
    }

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Hash(
        $"{HostVersion}\n{ComputePipeline.EmbeddedHash}\n{Weights}\n{JsonSerializer.Serialize(Config, ConfigJson.Default.Gemma2Config)}\n{Hash(ChatTemplate?.Text.Jinja ?? "")}\n{HashVocabulary(Tokenizer)}\n{Sampling}\n{KvCacheType}\n{Families}\n{Device}");

    private static string Describe(KernelSet kernels) =>
        $"{string.Join(' ', kernels.Matrices.Order(RowKind.Decoding))}; {string.Join(' ', kernels.Matrices.Order(RowKind.Prompt))}; {kernels.PromptAttention}";

    private static string HashVocabulary(GemmaTokenizer? tokenizer)
    {
        if (tokenizer is null) return "";
        var bytes = new ArrayBufferWriter<byte>(tokenizer.VocabularySize * BytesAPiece);
        Encoding.UTF8.GetBytes($"{tokenizer.Vocabulary.Surface(tokenizer.Unknown)}\n", bytes);
        for (int id = 0; id < tokenizer.VocabularySize; id++)
        {
            (string text, float score, PieceType type) = tokenizer.Vocabulary[id];
            Encoding.UTF8.GetBytes(text, bytes);
            Span<byte> rest = bytes.GetSpan(RestBytes);
            (rest[0], rest[1]) = (0, (byte)type);
            BinaryPrimitives.WriteSingleLittleEndian(rest[2..], score);
            bytes.Advance(RestBytes);
        }
        return Convert.ToHexStringLower(SHA256.HashData(bytes.WrittenSpan));
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
