namespace Gemma2.Cli.Benchmarks;

/// <summary>Prompts for measurements: beginning-of-sequence, then ids spread over the vocabulary, the same at every run.</summary>
internal static class SyntheticPrompt
{
    private const int BeginToken = 2;
    private const int FirstTextToken = 4;

    /// <summary>A prompt.</summary>
    /// <param name="length">At least 1 token.</param>
    /// <param name="vocabularySize">Ids are below it.</param>
    /// <param name="number">Prompts of other numbers have other ids.</param>
    public static int[] Of(int length, int vocabularySize, int number = 0)
    {
        var tokens = new int[length];
        tokens[0] = BeginToken;
        ulong state = (ulong)number + 1;
        for (int i = 1; i < length; i++)
        {
            // Knuth's linear congruential generator (MMIX); its high bits are the good ones.
            state = (state * 6364136223846793005) + 1442695040888963407;
            tokens[i] = FirstTextToken + (int)((state >> 33) % (ulong)(vocabularySize - FirstTextToken));
        }
        return tokens;
    }
}
