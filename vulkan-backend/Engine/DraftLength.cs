namespace Gemma2.Backend.Engine;

/// <summary>How many tokens to guess next, by how the last guesses went: more after good ones, none for a while after bad ones.</summary>
internal sealed class DraftLength
{
    private const int First = 3;
    private const int Most = 7;
    private const int LongestPause = 64; // tokens

    private int _length = First;
    private int _pause;
    private int _nextPause = 2;

    /// <summary>Most tokens to guess now.</summary>
    public int Current => _pause > 0 ? 0 : _length;

    /// <summary>A token has come without a guess.</summary>
    public void Pass()
    {
        if (_pause > 0) _pause--;
    }

    /// <summary>Guesses were checked.</summary>
    /// <param name="drafted">How many.</param>
    /// <param name="accepted">How many were right.</param>
    public void Checked(int drafted, int accepted)
    {
        if (accepted == 0)
        {
            (_length, _pause) = (1, _nextPause);
            _nextPause = Math.Min(2 * _nextPause, LongestPause);
            return;
        }
        _nextPause = 2;
        _length = accepted == drafted ? Math.Min(Most, (2 * _length) + 1) : Math.Max(1, accepted);
    }
}
