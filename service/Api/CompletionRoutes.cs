namespace Gemma2.Service.Api;

/// <summary>Where completions are asked for; a batch's lines name these too.</summary>
internal static class CompletionRoutes
{
    public const string Text = "/v1/completions";

    public const string Chat = "/v1/chat/completions";

    public const string Responses = "/v1/responses";
}
