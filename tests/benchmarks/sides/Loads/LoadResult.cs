namespace Gemma2.Benchmarks.Sides.Loads;

/// <summary>What the clients of a load saw. Times are seconds since the load began.</summary>
/// <param name="Requests">Every request, by lane and in the order in which they were answered.</param>
/// <param name="DrySeconds">When the last request of the lanes with an end was taken: up to here all their clients had work.</param>
/// <param name="CpuSeconds">Processor time of all threads.</param>
internal sealed record LoadResult(IReadOnlyList<RequestTimes> Requests, double DrySeconds, double CpuSeconds);

/// <summary>One request as its client saw it.</summary>
/// <param name="Lane">The number of its lane.</param>
/// <param name="Sent">When it was sent.</param>
/// <param name="PromptTokens">Length of its prompt.</param>
/// <param name="CachedTokens">Tokens of it that were not computed.</param>
/// <param name="Tokens">When each token came.</param>
/// <param name="Processor">Processor time that all threads of the side had taken by then, in seconds.</param>
/// <param name="IsWhole">Whether it has its whole answer; else the load ended before.</param>
internal sealed record RequestTimes(int Lane, double Sent, int PromptTokens, int CachedTokens, IReadOnlyList<double> Tokens, IReadOnlyList<double> Processor, bool IsWhole)
{
    /// <summary>From sending to the first token.</summary>
    public double FirstTokenSeconds => Tokens[0] - Sent;

    /// <summary>From each token to the next one.</summary>
    public IEnumerable<double> Gaps => Tokens.Zip(Tokens.Skip(1), (one, next) => next - one);
}
