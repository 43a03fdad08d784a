using Gemma2.Backend.Engine;
using Gemma2.Service.Api;

namespace Gemma2.Service.Model;

/// <summary>Whether an engine is the one that a request names.</summary>
internal static class EngineNames
{
    /// <summary>The same engine.</summary>
    /// <exception cref="ApiException">Status 404: it has another name.</exception>
    public static IInferenceEngine RequireName(this IInferenceEngine engine, string name) =>
        engine.ModelName == name ? engine : throw new ApiException(ApiError.ModelNotFound(RequestFields.Quote(name), engine.ModelName));
}
