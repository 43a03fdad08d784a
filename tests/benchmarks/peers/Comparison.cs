using Gemma2.Benchmarks.Sides;
using Gemma2.Benchmarks.Sides.Workers;
using Gemma2.Cli.Benchmarks;

namespace Gemma2.Benchmarks.Peers;

/// <summary>One model on ours and on one peer, in turn: A B A B, so that whatever else the machine does falls on both.</summary>
/// <param name="Model">Name of the file.</param>
/// <param name="Peer">Which peer: see <see cref="SideName"/>.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="DecodeTokens">Tokens made after the prompt's own.</param>
/// <param name="Ours">What ran on our side.</param>
/// <param name="Theirs">What ran on theirs.</param>
/// <param name="OurPeakBytes">Most memory our process had resident.</param>
/// <param name="TheirPeakBytes">Most memory theirs had, the mapped file included.</param>
/// <param name="Rounds">The measurements.</param>
internal sealed record Comparison(
    string Model,
    string Peer,
    int PromptTokens,
    int DecodeTokens,
    SideDescription Ours,
    SideDescription Theirs,
    long OurPeakBytes,
    long TheirPeakBytes,
    IReadOnlyList<Round> Rounds)
{
    /// <summary>Our prompt rate as a multiple of theirs, round by round.</summary>
    public Spread PromptRatio => Of(round => round.Theirs.PromptSeconds / round.Ours.PromptSeconds);

    /// <summary>Our decode rate as a multiple of theirs, round by round.</summary>
    public Spread DecodeRatio => Of(round => round.Theirs.DecodeSeconds / round.Ours.DecodeSeconds);

    /// <summary>The same with processor time in place of wall time: what other programs take does not count, idle threads do not either.</summary>
    public Spread PromptCpuRatio => Of(round => round.Theirs.PromptCpuSeconds / round.Ours.PromptCpuSeconds);

    /// <summary>The same of decoding.</summary>
    public Spread DecodeCpuRatio => Of(round => round.Theirs.DecodeCpuSeconds / round.Ours.DecodeCpuSeconds);

    /// <summary>Our prompt tokens a second.</summary>
    public Spread OurPromptRate => Of(round => PromptTokens / round.Ours.PromptSeconds);

    /// <summary>Their prompt tokens a second.</summary>
    public Spread TheirPromptRate => Of(round => PromptTokens / round.Theirs.PromptSeconds);

    /// <summary>Our new tokens a second.</summary>
    public Spread OurDecodeRate => Of(round => DecodeTokens / round.Ours.DecodeSeconds);

    /// <summary>Their new tokens a second.</summary>
    public Spread TheirDecodeRate => Of(round => DecodeTokens / round.Theirs.DecodeSeconds);

    /// <summary>Share of the processors that other programs used meanwhile.</summary>
    public Spread OtherWork => Spread.Of(Rounds.SelectMany(round => (double[])[round.OtherWorkInOurs, round.OtherWorkInTheirs]));

    /// <summary>Measures.</summary>
    public static async Task<Comparison> MeasureAsync(string model, string peer, SideOptions options, int prompt, int decode, int rounds, Action<string> say)
    {
        string name = ModelName.Of(model);
        say($"{name}: loading on both sides");
        await using Worker ours = await Worker.StartAsync(SideName.Ours, model, options);
        await using Worker theirs = await Worker.StartAsync(peer, model, options);
        int[] tokens = SyntheticPrompt.Of(prompt, ours.Description.VocabularySize);
        // Not counted: shaders of these sizes are compiled, pages are touched.
        await ours.MeasureAsync(tokens, 1);
        await theirs.MeasureAsync(tokens, 1);
        var measured = new List<Round>();
        for (int i = 0; i < rounds; i++)
        {
            (Turn our, double inOurs) = await MachineLoad.DuringAsync(() => ours.MeasureAsync(tokens, decode));
            (Turn their, double inTheirs) = await MachineLoad.DuringAsync(() => theirs.MeasureAsync(tokens, decode));
            measured.Add(new Round(our, their, inOurs, inTheirs));
            say(FormattableString.Invariant(
                $"{name}, {peer}, round {i + 1} of {rounds}: prompt {their.PromptSeconds / our.PromptSeconds:F2}, decode {their.DecodeSeconds / our.DecodeSeconds:F2} of theirs"));
        }
        return new Comparison(name, peer, prompt, decode, ours.Description, theirs.Description, ours.PeakBytes, theirs.PeakBytes, measured);
    }

    private Spread Of(Func<Round, double> value) => Spread.Of(Rounds.Select(value));
}

/// <summary>A turn of each side.</summary>
/// <param name="Ours">Our turn.</param>
/// <param name="Theirs">Their turn, right after ours.</param>
/// <param name="OtherWorkInOurs">Share of the processors that other programs used during ours.</param>
/// <param name="OtherWorkInTheirs">The same during theirs.</param>
internal sealed record Round(Turn Ours, Turn Theirs, double OtherWorkInOurs, double OtherWorkInTheirs);
