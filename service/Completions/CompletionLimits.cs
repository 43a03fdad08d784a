namespace Gemma2.Service.Completions;

/// <summary>How much one request may ask for: what it takes has to fit in memory, whoever asks.</summary>
internal static class CompletionLimits
{
    /// <summary>Most answers to a prompt; OpenAI's limit.</summary>
    public const int Answers = 128;

    /// <summary>Most prompts of a request.</summary>
    public const int Prompts = 1024;

    /// <summary>Most answers of a request, to all its prompts together.</summary>
    public const int AllAnswers = 1024;

    /// <summary>Most log-probabilities of a request: those of all tokens that may come, and of the likeliest beside each. Some 30 MB of JSON.</summary>
    public const long LogProbabilities = 500_000;

    /// <summary>Longest form of answers, in characters: schemas, expressions and grammars are kept when they are compiled.</summary>
    public const int FormatLength = 500_000;

    /// <summary>Most token ids that end an answer.</summary>
    public const int StopTokens = 128;

    /// <summary>Most tokens that have a bias: Gemma's whole vocabulary.</summary>
    public const int Biases = 256_000;
}
