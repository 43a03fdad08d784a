using System.Threading.Channels;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>A sequence that generates tokens until an end token or its limit.</summary>
internal sealed class GenerationSequence(int[] prompt, int maxTokens, SamplingOptions options, Sampler sampler, IReadOnlyList<int> endTokens)
    : Sequence(prompt)
{
    private readonly Channel<GeneratedToken> _output =
        Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private int _count;

    /// <summary>The tokens as they come. Ends with the sequence, or throws why it failed.</summary>
    public ChannelReader<GeneratedToken> Output => _output.Reader;

    /// <inheritdoc/>
    public override double Temperature => options.Temperature;

    /// <inheritdoc/>
    public override void Complete(Exception? error) => _output.Writer.TryComplete(error);

    /// <inheritdoc/>
    protected override int? Next(Pass pass, int row)
    {
        int token = Sampler.Sample(pass.Candidates(row), options, _count) ?? sampler.Sample(pass.ReadLogits(row), options, _count);
        _count++;
        FinishReason? finish = IsEnd(token) ? FinishReason.Stop : _count == maxTokens ? FinishReason.Length : null;
        _output.Writer.TryWrite(new GeneratedToken(token, finish));
        return finish is null ? token : null;
    }

    private bool IsEnd(int token)
    {
        for (int i = 0; i < endTokens.Count; i++)
            if (endTokens[i] == token) return true;
        return false;
    }
}
