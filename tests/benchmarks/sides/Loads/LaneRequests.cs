using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Sides.Loads;

/// <summary>The list of requests that the clients of a lane share; drawn as it is taken, the same at every run.</summary>
/// <param name="lane">What is drawn.</param>
/// <param name="vocabularySize">Token ids are below it.</param>
internal sealed class LaneRequests(Lane lane, int vocabularySize)
{
    // Far more than any run takes of one load.
    private const int PromptsOfLane = 1_000_000;

    private readonly Lock _lock = new();
    private readonly Random _random = new(lane.Seed);
    private int _taken;

    /// <summary>Takes the next request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="pause">Seconds to wait before it is sent.</param>
    /// <param name="isLast">Whether the list is empty now.</param>
    /// <returns>False when there was none.</returns>
    public bool TryTake(out LoadRequest request, out double pause, out bool isLast)
    {
        lock (_lock)
        {
            (request, pause, isLast) = (null!, 0, false);
            if (_taken == lane.Requests) return false;
            pause = -Math.Log(1 - _random.NextDouble()) * lane.MeanPause;
            int prompt = lane.Prompt.At(_random.NextDouble()), answer = lane.Answer.At(_random.NextDouble());
            request = new LoadRequest(Prompt(prompt, _taken), answer, lane.IsBatch);
            isLast = ++_taken == lane.Requests;
            return true;
        }
    }

    private int[] Prompt(int length, int number)
    {
        int[] tokens = SyntheticPrompt.Of(length, vocabularySize, (lane.FirstPrompt * PromptsOfLane) + number + 1);
        int shared = Math.Min(lane.SharedTokens, length - 1);
        if (shared > 0) SyntheticPrompt.Of(shared, vocabularySize, lane.FirstPrompt * PromptsOfLane).CopyTo(tokens, 0);
        return tokens;
    }
}
