using Gemma2.Service.Api;
using Gemma2.Service.Dialects.Anthropic;
using Gemma2.Service.Dialects.Azure;

namespace Gemma2.Service.Http;

/// <summary>Which API a request speaks, and so how its errors are written: its path tells, also where there is no such route.</summary>
internal static class ErrorShapes
{
    /// <summary>How the errors of a request are written.</summary>
    public static ErrorShape Of(HttpContext http) => http.Request.Path switch
    {
        var path when OtherPaths.IsAzures(path) => AzureErrors.Shape,
        var path when OtherPaths.IsAnthropics(path) => MessageErrors.Shape,
        _ => ErrorShape.OpenAI,
    };
}
