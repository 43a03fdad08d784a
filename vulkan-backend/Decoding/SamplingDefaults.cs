namespace Gemma2.Backend.Decoding;

/// <summary>How a model's makers want tokens picked where a request says nothing; null where they say nothing either. Named as in <see cref="SamplingOptions"/>.</summary>
/// <param name="Temperature">Null: as ever; 0 where the model is to be used without chance.</param>
/// <param name="TopK">So many of the likeliest tokens.</param>
/// <param name="TopP">The likeliest tokens up to this sum.</param>
/// <param name="MinP">Tokens at least so likely, as a share of the likeliest one.</param>
/// <param name="RepetitionPenalty">Divides the logits of tokens that were there.</param>
public sealed record SamplingDefaults(double? Temperature = null, int? TopK = null, double? TopP = null, double? MinP = null, double? RepetitionPenalty = null)
{
    /// <summary>Nothing is said.</summary>
    public static SamplingDefaults None { get; } = new();
}
