using System.Security.Cryptography;
using System.Text;
using Gemma2.Backend.Engine;

namespace Gemma2.Service.Completions;

/// <summary>OpenAI's <c>system_fingerprint</c>: two answers with one seed can be compared where it is the same.</summary>
internal static class SystemFingerprint
{
    /// <summary>Made from the backend's build and the model's name and numbers.</summary>
    public static string Of(IInferenceEngine engine)
    {
        string system = $"{typeof(IInferenceEngine).Module.ModuleVersionId} {engine.ModelName} {engine.Config}";
        return "fp_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(system)).AsSpan(0, 5));
    }
}
