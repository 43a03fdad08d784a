using System.Collections.Frozen;
using System.Text.Json;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// Which keys of adapter_config.json are without effect here, and which would change the arithmetic. A key that is null, false or empty asks for nothing.
/// Source: https://github.com/huggingface/peft, src/peft/tuners/lora/config.py and src/peft/config.py.
/// </summary>
internal static class PeftConfigKeys
{
    private const string MergeFirst = "merge the adapter with PEFT's merge_and_unload";

    /// <summary>Read elsewhere, or about training, saving, and where the adapter comes from. Which modules there are is said by the tensors.</summary>
    private static readonly FrozenSet<string> Known = FrozenSet.ToFrozenSet(
    [
        "peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern",
        "task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "peft_version",
        "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "lora_dropout", "modules_to_save", "megatron_config", "megatron_core",
        "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config", "qalora_group_size",
        // Without effect on the linear layers of Gemma 2, as PEFT itself says.
        "fan_in_fan_out",
    ], StringComparer.Ordinal);

    /// <summary>What changes more than the product of A and B does.</summary>
    private static readonly FrozenDictionary<string, string> Refused = new Dictionary<string, string>
    {
        ["use_dora"] = $"DoRA is not supported; {MergeFirst}",
        ["use_qalora"] = "QALoRA is not supported",
        ["use_bdlora"] = "block-diagonal LoRA is not supported",
        ["lora_bias"] = "Gemma 2 has no biases",
        ["layer_replication"] = $"models with repeated layers are not supported; {MergeFirst}",
        ["trainable_token_indices"] = $"single rows of the embedding are not supported; {MergeFirst}",
        ["alora_invocation_tokens"] = "an adapter that begins within a text cannot be added to weights",
        ["target_parameters"] = "Gemma 2 has no parameters outside of modules",
        ["ensure_weight_tying"] = "an adapter that keeps embedding and output matrix one is not supported",
        ["arrow_config"] = "routed adapters are not supported",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Initializations that take something away from the model's own weights, which the adapter alone does not tell.</summary>
    private static readonly string[] ChangeTheModel = ["pissa", "olora", "corda", "loftq", "lora_ga"];

    /// <exception cref="ModelException">A key asks for what is not supported, or is not known.</exception>
    public static void Check(JsonElement root, string label)
    {
        foreach (JsonProperty entry in root.EnumerateObject().Where(entry => !IsNeutral(entry.Value)))
        {
            ModelException Wrong(string why) => new($"{label}: {ModelJson.Show(entry.Name)} is {ModelJson.Show(entry.Value)}: {why}.");

            if (Refused.TryGetValue(entry.Name, out string? why)) throw Wrong(why);
            if (entry.Name == "bias")
            {
                if (!entry.Value.ValueEquals("none")) throw Wrong("Gemma 2 has no biases; allowed is \"none\"");
            }
            else if (entry.Name == "init_lora_weights")
            {
                if (entry.Value.ValueKind == JsonValueKind.String && ChangeTheModel.Any(entry.Value.GetString()!.ToLowerInvariant().StartsWith))
                    throw Wrong("such an adapter belongs to a changed model; save it as plain LoRA (path_initial_model_for_weight_conversion)");
            }
            else if (!Known.Contains(entry.Name))
            {
                throw Wrong("the key is not known, nor what it would change");
            }
        }
    }

    private static bool IsNeutral(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };
}
