using Gemma2.Backend.Decoding;

namespace Gemma2.Cli.Chat;

/// <summary>How a chat answers.</summary>
/// <param name="Sampling">How tokens are picked; each answer has a seed of its own that follows from this one's.</param>
/// <param name="MaxTokens">Most tokens of an answer; null goes on to the end of the context.</param>
/// <param name="ShowsPrompt">Whether the prompt is shown as the model gets it.</param>
internal sealed record ChatSettings(SamplingOptions Sampling, int? MaxTokens, bool ShowsPrompt);
