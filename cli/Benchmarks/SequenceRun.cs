using System.Diagnostics;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;

namespace Gemma2.Cli.Benchmarks;

/// <summary>Measures an engine that works on several sequences at once.</summary>
/// <param name="engine">A warm engine with room for as many.</param>
/// <param name="promptTokens">Length of every prompt.</param>
/// <param name="decodeTokens">New tokens of every sequence that are counted.</param>
internal sealed class SequenceRun(IInferenceEngine engine, int promptTokens, int decodeTokens)
{
    // While later prompts are read, earlier sequences go on. No engine gives them more than one step between so many tokens of a prompt.
    private const int ShortestChunk = 64;

    private static int _prompts;

    /// <summary>The context that the sequences need.</summary>
    public static int ContextLength(int promptTokens, int decodeTokens, int sequences) => promptTokens + NewTokens(promptTokens, decodeTokens, sequences);

    /// <summary>Runs so many sequences from their prompts on.</summary>
    /// <exception cref="OperationCanceledException">Within one step of the cancellation.</exception>
    public async Task<RunTimes> MeasureAsync(int sequences, CancellationToken cancellationToken)
    {
        // Prompts that came before would be found in the cache.
        int firstPrompt = Interlocked.Add(ref _prompts, sequences) - sequences;
        long start = Stopwatch.GetTimestamp();
        int newTokens = NewTokens(promptTokens, decodeTokens, sequences);
        long[][] times = await Task.WhenAll(Enumerable.Range(0, sequences).Select(
            number => Task.Run(() => TimesAsync(SyntheticPrompt.Of(promptTokens, engine.Config.VocabularySize, firstPrompt + number), newTokens, cancellationToken), cancellationToken)));

        // Decoding is the time in which all of them decode.
        long first = times.Max(tokens => tokens[0]), last = times.Min(tokens => tokens[^1]);
        int decoded = times.Sum(tokens => tokens.Count(time => time > first && time <= last));
        return new RunTimes(
            Seconds(start, times.Min(tokens => tokens[0])), Seconds(start, first), (long)sequences * promptTokens / Seconds(start, first), decoded / Seconds(first, last));
    }

    private static int NewTokens(int promptTokens, int decodeTokens, int sequences) =>
        1 + decodeTokens + ((sequences - 1) * ((promptTokens + ShortestChunk - 1) / ShortestChunk));

    private static double Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds;

    private async Task<long[]> TimesAsync(int[] prompt, int newTokens, CancellationToken cancellationToken)
    {
        var request = new GenerationRequest
        {
            PromptTokens = prompt,
            MaxTokens = newTokens,
            IgnoreEndTokens = true,
            // How often guesses are right is a matter of the text.
            Drafts = false,
            Sampling = new SamplingOptions { Temperature = 0 },
        };
        var times = new List<long>(newTokens);
        await foreach (GeneratedToken _ in engine.GenerateAsync(request, cancellationToken)) times.Add(Stopwatch.GetTimestamp());
        return [.. times];
    }
}

/// <summary>What one run of several sequences took.</summary>
/// <param name="FirstTokenSeconds">Until the first sequence had its first token.</param>
/// <param name="PromptSeconds">Until every sequence had its first token.</param>
/// <param name="PromptRate">Prompt tokens a second, all sequences together.</param>
/// <param name="DecodeRate">New tokens a second while all sequences decode, all together.</param>
internal sealed record RunTimes(double FirstTokenSeconds, double PromptSeconds, double PromptRate, double DecodeRate);
