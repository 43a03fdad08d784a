namespace Gemma2.Backend.Config;

/// <summary>
/// Models that are akin to Gemma 2 and are not: what their files call themselves, and what they are.
/// Sources: the model types of https://github.com/huggingface/transformers, the architectures in gguf-py/gguf/constants.py of llama.cpp.
/// </summary>
internal static class ModelKinds
{
    /// <summary>What Gemma 2's files call themselves.</summary>
    public const string Gemma2 = "gemma2";

    /// <summary>llama.cpp's name of EmbeddingGemma, whose type in Hugging Face's files is Gemma 3's.</summary>
    public const string EmbeddingGemma = "gemma-embedding";

    /// <summary>PaliGemma that has a Gemma 2 inside; both have the same type.</summary>
    public const string PaliGemma2 = "paligemma2";

    private static readonly Dictionary<string, string> Others = new(StringComparer.Ordinal)
    {
        ["gemma"] = "Gemma 1",
        ["gemma3"] = "Gemma 3",
        ["gemma3_text"] = "Gemma 3",
        ["gemma3n"] = "Gemma 3n",
        ["gemma3n_text"] = "Gemma 3n",
        ["gemma4"] = "Gemma 4",
        ["gemma4_text"] = "Gemma 4",
        ["vaultgemma"] = "VaultGemma, whose layers have fewer norms",
        ["recurrent_gemma"] = "RecurrentGemma, which is no transformer",
        ["recurrentgemma"] = "RecurrentGemma, which is no transformer",
        ["paligemma"] = "PaliGemma, which sees pictures",
        [PaliGemma2] = "PaliGemma 2, which sees pictures",
        ["colpali"] = "ColPali, which sees pictures",
        ["shieldgemma2"] = "ShieldGemma 2, which judges pictures; the first ShieldGemma judges texts, and is a Gemma 2",
        ["t5gemma"] = "T5Gemma, which has an encoder",
        ["t5gemma2"] = "T5Gemma 2, which has an encoder",
        ["t5_gemma_module"] = "a half of T5Gemma, which has an encoder",
        ["t5"] = "T5, which has an encoder",
        [EmbeddingGemma] = "EmbeddingGemma, which writes no text",
        ["embedding_gemma"] = "EmbeddingGemma, which writes no text",
        ["clip"] = "the part of a model that sees pictures",
        ["siglip"] = "the part of a model that sees pictures",
        ["siglip_vision_model"] = "the part of a model that sees pictures",
    };

    /// <summary>What a message says after a type that is not Gemma 2's.</summary>
    /// <param name="type">What the file says; null where it says nothing.</param>
    public static string Refusal(string? type) =>
        $"{(type is not null && Others.TryGetValue(type, out string? what) ? $": this is {what}" : "")}; allowed is \"{Gemma2}\": this engine runs Gemma 2 and what was made from it.";
}
