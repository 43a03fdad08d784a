using Gemma2.Backend.Text;

namespace Gemma2.Cli.Commands;

/// <summary>The OpenAI request of a job: a chat when it has messages. What is null is left out, for the service to decide.</summary>
internal sealed record CompletionBody(
    string Model, string? Prompt, IReadOnlyList<ChatMessage>? Messages, int? MaxTokens, double? Temperature, int? TopK, double? TopP, long? Seed);
