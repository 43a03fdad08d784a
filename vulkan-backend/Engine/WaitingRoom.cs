using System.Globalization;

namespace Gemma2.Backend.Engine;

/// <summary>Counts the interactive requests that run or wait for their turn, and keeps them within limits. From any thread.</summary>
/// <param name="mostRequests">Most requests that run or wait.</param>
/// <param name="mostTokens">Most tokens that the prompts of waiting ones have together.</param>
internal sealed class WaitingRoom(int mostRequests, int mostTokens)
{
    private readonly Lock _lock = new();
    private int _requests;
    private long _tokens;

    /// <summary>Requests that run or wait.</summary>
    public int Requests => _requests;

    /// <summary>Lets a request wait. A single one always may, however long its prompt.</summary>
    /// <param name="tokens">Tokens of its prompt.</param>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public void Enter(int tokens)
    {
        lock (_lock)
        {
            Check(tokens);
            _requests++;
            _tokens += tokens;
        }
    }

    /// <summary>Throws where <see cref="Enter"/> would.</summary>
    /// <inheritdoc cref="Enter"/>
    public void Check(int tokens)
    {
        lock (_lock)
        {
            if (_requests >= mostRequests) throw Busy($"{_requests} requests are running or waiting already; at most {mostRequests} may");
            if (_tokens > 0 && _tokens + tokens > mostTokens) throw Busy($"waiting requests have {_tokens} tokens already; at most {mostTokens} may wait");
        }
    }

    /// <summary>A request has got its turn.</summary>
    public void Start(int tokens)
    {
        lock (_lock) _tokens -= tokens;
    }

    /// <summary>A request has ended.</summary>
    public void Leave()
    {
        lock (_lock) _requests--;
    }

    private static BusyException Busy(FormattableString reason) =>
        new(string.Create(CultureInfo.InvariantCulture, $"The server is busy: {reason.ToString(CultureInfo.InvariantCulture)}. Try again later."));
}
