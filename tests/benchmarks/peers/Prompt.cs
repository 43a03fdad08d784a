namespace Gemma2.Benchmarks.Peers;

/// <summary>The prompt of both sides: beginning-of-sequence, then ids spread over the vocabulary, the same at every run.</summary>
internal static class Prompt
{
    private const int BeginToken = 2;
    private const int FirstTextToken = 4;

    /// <summary>A prompt of so many tokens.</summary>
    public static int[] Of(int length, int vocabularySize)
    {
        var tokens = new int[length];
        tokens[0] = BeginToken;
        ulong state = 1;
        for (int i = 1; i < length; i++)
        {
            // Knuth's linear congruential generator (MMIX); its high bits are the good ones.
            state = (state * 6364136223846793005) + 1442695040888963407;
            tokens[i] = FirstTextToken + (int)((state >> 33) % (ulong)(vocabularySize - FirstTextToken));
        }
        return tokens;
    }
}
