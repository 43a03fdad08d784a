using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>OpenAI's <c>system_fingerprint</c>: two answers with one seed can be compared where it is the same.</summary>
internal static class SystemFingerprint
{
    private const int Digits = 10;

    /// <summary>The engine's fingerprint, as short as OpenAI's.</summary>
    public static string Of(IInferenceEngine engine) => "fp_" + engine.Fingerprint[..Digits];
}
