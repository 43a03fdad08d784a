namespace Gemma2.Backend.Tensors;

/// <summary>Tensors that tools leave in weight files and that change nothing: what they hold follows from the configuration, or belongs to training or to another engine's cache.</summary>
internal static class Leftovers
{
    private static readonly (string Ending, string Kind)[] _endings =
    [
        (".inv_freq", Rotary), (".cos_cached", Rotary), (".sin_cached", Rotary), ("rope_freqs.weight", Rotary), (".attn_rot_embd.weight", Rotary),
        (".k_scale", Cache), (".v_scale", Cache), (".kv_scale", Cache), (".q_scale", Cache), (".prob_scale", Cache),
        (".exp_avg", Training), (".exp_avg_sq", Training), (".max_exp_avg_sq", Training), (".momentum_buffer", Training),
        ("position_ids", Positions), (".masked_bias", Positions),
        ("model.normalizer", Scale), (".embed_scale", Scale),
    ];

    private static readonly string[] _training = ["optimizer.", "optim.", "lr_scheduler.", "scheduler.", "grad_scaler.", "rng_state"];

    private const string Rotary = "rotary frequencies, which follow from the configuration";
    private const string Cache = "scales of a quantized cache, which is not used";
    private const string Training = "states of a training";
    private const string Positions = "positions and masks, which are computed";
    private const string Scale = "the embedding's scale, which follows from the configuration";

    /// <summary>What kind of leftover a tensor is.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Null for one that is none that is known.</returns>
    public static string? KindOf(string name) =>
        _training.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)) ? Training : Array.Find(_endings, one => name.EndsWith(one.Ending, StringComparison.Ordinal)).Kind;

    /// <summary>A line for each kind.</summary>
    /// <param name="names">The names of what was left aside.</param>
    public static IEnumerable<string> Notes(IEnumerable<string> names) => names.GroupBy(KindOf).Select(kind => kind.Count() == 1
        ? $"{Show(kind.First())} is left aside: {kind.Key}."
        : $"{kind.Count()} tensors like {Show(kind.First())} are left aside: {kind.Key}.");

    private static string Show(string name) => Config.ModelJson.Show(name);
}
