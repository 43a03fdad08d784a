using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;

namespace Gemma2.Service.Dialects.OpenAI;

/// <summary>
/// Reads and tells <c>service_tier</c>: <c>flex</c> waits behind others, as batches do. Source: OpenAI API reference, "Chat", and "Flex processing".
/// </summary>
internal static class ServiceTier
{
    /// <summary>The field, in requests and in answers.</summary>
    public const string Field = "service_tier";

    /// <summary>Who goes first, as a request says.</summary>
    /// <exception cref="InvalidRequestException">It says something else.</exception>
    public static RequestClass Read(RequestFields request) => request.String(Field) switch
    {
        null or "auto" or "default" or "priority" => RequestClass.Interactive,
        "flex" => RequestClass.Batch,
        var other => throw new InvalidRequestException(
            request.Path(Field), $"{request.Path(Field)} is '{RequestFields.Quote(other)}'; allowed are auto, default, flex and priority."),
    };

    /// <summary>What an answer says of how it was made.</summary>
    public static string NameOf(RequestClass requestClass) => requestClass == RequestClass.Batch ? "flex" : "default";
}
