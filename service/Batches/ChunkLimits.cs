using Gemma2.Service.Completions;
using Gemma2.Storage.Files;

namespace Gemma2.Service.Batches;

/// <summary>How much goes into one chunk: about so many seconds of work, and never so much that its results would not fit in memory.</summary>
internal sealed class ChunkLimits
{
    /// <summary>Most lines of a chunk: what is lost with it is never much, and its results fit in memory.</summary>
    public const int MaxLines = 1000;

    /// <summary>Most bytes of a chunk, unless it has a single longer line.</summary>
    public const long MaxBytes = 8 << 20;

    // Messages and blobs of a batch stay manageable, however short a chunk's time and however slow the device.
    private const long MostChunks = 10_000;

    // Bytes of English text and JSON in a token, about.
    private const double BytesPerToken = 4;

    // What an answer is expected to take that has no limit.
    private const int UsualTokens = 256;

    private readonly double _tokens;
    private readonly long _minBytes;

    /// <param name="seconds">How long a chunk shall take.</param>
    /// <param name="tokensPerSecond">How fast this process is.</param>
    /// <param name="inputBytes">Length of the whole input.</param>
    public ChunkLimits(int seconds, double tokensPerSecond, long inputBytes) => (_tokens, _minBytes) = (seconds * tokensPerSecond, inputBytes / MostChunks);

    /// <summary>Tokens that a line will take, about.</summary>
    public static double Estimate(FileLine line, CompletionRequest? request) => line.Length / BytesPerToken + request switch
    {
        null => 0,
        _ => (double)LikelyTokens(request) * request.AnswerCount,
    };

    /// <summary>New tokens that an answer will have, about.</summary>
    public static long LikelyTokens(CompletionRequest request) => request.MaxTokens ?? request.UsualMaxTokens ?? UsualTokens;

    /// <summary>Whether a chunk has enough.</summary>
    public bool IsFull(int lines, long bytes, double tokens) => lines >= MaxLines || bytes >= MaxBytes || (tokens >= _tokens && bytes >= _minBytes);
}
