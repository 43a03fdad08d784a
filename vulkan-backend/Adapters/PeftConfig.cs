using System.Text.Json;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Adapters;

/// <summary>
/// adapter_config.json: how the product of A and B is scaled, and whether the adapter is more than that.
/// Source: https://github.com/huggingface/peft, src/peft/tuners/lora/config.py.
/// </summary>
internal sealed class PeftConfig
{
    /// <summary>The file.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>Most bytes that it may have.</summary>
    public const int Longest = 1 << 20;

    private const int DeepestNesting = 16;
    private const int HighestRank = 1 << 14;
    private const double LargestAlpha = 1e9;

    private readonly string _label;
    private readonly int _rank;
    private readonly bool _isRankStabilized;
    private readonly ModulePatterns _ranks, _alphas;

    private PeftConfig(JsonElement root, string label)
    {
        _label = label;
        if (Text(root, "peft_type") != "LORA") throw Wrong(root, "peft_type", "\"LORA\"");
        PeftConfigKeys.Check(root, label);
        _rank = Rank(root, "r") ?? throw Wrong(root, "r", $"a whole number from 1 to {HighestRank}");
        Alpha = Number(root, "lora_alpha") ?? throw Wrong(root, "lora_alpha", "a number");
        _isRankStabilized = Flag(root, "use_rslora");
        _ranks = ModulePatterns.Read(root, "rank_pattern", label, value => IsRank(value), $"whole numbers from 1 to {HighestRank}");
        _alphas = ModulePatterns.Read(root, "alpha_pattern", label, value => Math.Abs(value) <= LargestAlpha, "numbers");
    }

    /// <summary>Numerator of the scale.</summary>
    public double Alpha { get; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="ModelException">It is malformed, or asks for what is not supported; the message names the key.</exception>
    public static PeftConfig Parse(ReadOnlyMemory<byte> json, string label) => ModelJson.Read(json, label, DeepestNesting, root => new PeftConfig(root, label));

    /// <summary>The rank of a module, such as model.layers.0.mlp.up_proj.</summary>
    public int RankOf(string module) => (int)(_ranks.Find(module) ?? _rank);

    /// <summary>What the product of A and B of a module is multiplied by.</summary>
    public double FactorOf(string module)
    {
        double alpha = _alphas.Find(module) ?? Alpha, rank = RankOf(module);
        return alpha / (_isRankStabilized ? Math.Sqrt(rank) : rank);
    }

    private static bool IsRank(double value) => value is >= 1 and <= HighestRank && double.IsInteger(value);

    private static int? Rank(JsonElement root, string key) => Number(root, key) is { } value && IsRank(value) ? (int)value : null;

    private static double? Number(JsonElement root, string key) =>
        root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && Math.Abs(number) <= LargestAlpha ? number : null;

    private static string? Text(JsonElement root, string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private bool Flag(JsonElement root, string key) => !root.TryGetProperty(key, out JsonElement value) ? false : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Null => false,
        _ => throw Wrong(root, key, "true or false"),
    };

    private ModelException Wrong(JsonElement root, string key, string allowed) =>
        new(root.TryGetProperty(key, out JsonElement value) ? $"{_label}: {key} is {ModelJson.Show(value)}; allowed is {allowed}." : $"{_label}: {key} is missing; allowed is {allowed}.");
}
