using System.Threading.Channels;
using Gemma2.Backend.Sampling;

namespace Gemma2.Backend.Serving;

/// <summary>A sequence that generates tokens until an end token or its limit.</summary>
internal sealed class GenerationSequence(int[] prompt, int maxTokens, SamplingOptions options, Sampler sampler, IReadOnlyList<int> endTokens)
    : Sequence(prompt)
{
    private readonly Channel<GeneratedToken> _output =
        Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly int[] _lastToken = new int[1];
    private int _count;

    /// <summary>The tokens as they come. Ends with the sequence, or throws why it failed.</summary>
    public ChannelReader<GeneratedToken> Output => _output.Reader;

    /// <inheritdoc/>
    public override void Complete(Exception? error) => _output.Writer.TryComplete(error);

    /// <inheritdoc/>
    protected override ReadOnlyMemory<int>? TakeLogits(Span<float> logits)
    {
        int token = sampler.Sample(logits, options, _count++);
        FinishReason? finish = IsEnd(token) ? FinishReason.Stop : _count == maxTokens ? FinishReason.Length : null;
        _output.Writer.TryWrite(new GeneratedToken(token, finish));
        if (finish is not null) return null;
        _lastToken[0] = token;
        return _lastToken;
    }

    private bool IsEnd(int token)
    {
        for (int i = 0; i < endTokens.Count; i++)
            if (endTokens[i] == token) return true;
        return false;
    }
}
