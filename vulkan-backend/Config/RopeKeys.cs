namespace Gemma2.Backend.Config;

/// <summary>
/// What a config.json says of positions: the base of the rotary embedding, beside the other keys or in an object of its own, as one or as one for each kind of layer. Positions that
/// are stretched are refused; objects that stretch nothing are not. Source: modeling_rope_utils.py of https://github.com/huggingface/transformers.
/// </summary>
internal static class RopeKeys
{
    private const string Theta = "rope_theta";
    private const double Least = 1;
    private const double Most = 1e12;

    private static readonly string[] LayerKinds = ["sliding_attention", "full_attention"];

    /// <summary>The base of the rotary embedding.</summary>
    /// <exception cref="ModelException">It asks for other positions than Gemma 2's.</exception>
    public static double Base(Gemma2ConfigKeys keys)
    {
        keys.RequireIfPresent("partial_rotary_factor", 1);
        double theta = keys.Number(Theta, Least, Most, byDefault: 10000);
        foreach (string key in (string[])["rope_scaling", "rope_parameters"])
            if (keys.Object(key) is { } rope) theta = OfLayers(rope, theta);
        keys.RequireIfPresent("rope_local_base_freq", theta);
        return theta;
    }

    private static double OfLayers(Gemma2ConfigKeys rope, double byDefault)
    {
        Gemma2ConfigKeys[] kinds = [.. LayerKinds.Select(rope.Object).OfType<Gemma2ConfigKeys>()];
        if (kinds.Length == 0) return Of(rope, byDefault);
        double[] bases = [.. kinds.Select(kind => Of(kind, byDefault)).Distinct()];
        return bases.Length == 1 ? bases[0] : throw kinds[^1].Error(Theta, "what the other layers have");
    }

    private static double Of(Gemma2ConfigKeys rope, double byDefault)
    {
        // A factor of 1 stretches nothing.
        string kind = rope.Has("rope_type") ? "rope_type" : "type";
        if (rope.Text(kind) == "linear") rope.RequireIfPresent("factor", 1);
        if (rope.Text(kind) != "linear" || !rope.Has("factor")) rope.RequireIfPresent(kind, "default");
        rope.RequireIfPresent("partial_rotary_factor", 1);
        return rope.Number(Theta, Least, Most, byDefault);
    }
}
