using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Service.Dialects.Anthropic;

/// <summary>Reads how tokens are picked.</summary>
internal static class SamplingParser
{
    /// <summary>Makes an answer repeatable. Anthropic has no such field: it is named as OpenAI has it.</summary>
    public const string Seed = "seed";

    /// <summary>The fields that are read here.</summary>
    public static readonly string[] Fields = ["temperature", "top_p", "top_k", Seed];

    /// <summary>Reads them; the seed is the request's.</summary>
    public static RequestedSampling Parse(RequestFields request) => new()
    {
        Temperature = request.Number("temperature", 0, 1),
        // No set of tokens is too small to reach 0, so the likeliest alone stays.
        TopP = request.Number("top_p", 0, 1) is { } sum ? Math.Max(sum, double.Epsilon) : null,
        TopK = (int?)request.Integer("top_k", 0, int.MaxValue),
    };
}
