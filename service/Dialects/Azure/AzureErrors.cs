using System.Globalization;
using System.Text.Json;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.Azure;

/// <summary>
/// Errors as Azure's clients read them: <c>{"error":{"code","message","type","param"}}</c>, where <c>code</c> is never null. What Azure refuses before a model sees it (keys, addresses, limits)
/// has the status as its code. Source: Azure OpenAI in Microsoft Foundry Models REST API reference, "ErrorResponse".
/// </summary>
internal static class AzureErrors
{
    /// <summary>How they are written.</summary>
    public static ErrorShape Shape { get; } = new((json, error, _) => Write(json, error)) { RequestIdHeader = "apim-request-id" };

    private static void Write(Utf8JsonWriter json, ApiError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("code", CodeOf(error));
        json.WriteString("message", error.Message);
        json.WriteString("type", error.Type);
        json.WriteString("param", error.Parameter);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string CodeOf(ApiError error) => error.Code switch
    {
        "model_not_found" => "DeploymentNotFound",
        null or "invalid_api_key" or "unknown_url" or "rate_limit_exceeded" => error.Status.ToString(CultureInfo.InvariantCulture),
        var code => code,
    };
}
