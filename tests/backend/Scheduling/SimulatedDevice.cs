using Gemma2.Backend.Cache;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Tests.Scheduling;

/// <summary>
/// Stands for the device: it keeps in every place of every block what was stored there last, and checks for each row of a step that all positions that its query sees hold what they should: the
/// same tokens before them, computed by the same kinds of kernels.
/// </summary>
internal sealed class SimulatedDevice : IStepResults
{
    private readonly IReadOnlyList<int?> _windows;
    private readonly ulong[,] _content;
    private readonly Dictionary<Sequence, List<ulong>> _hashes = []; // of the tokens up to each position

    public SimulatedDevice(BlockPool pool, IReadOnlyList<int?> windows)
    {
        _windows = windows;
        _content = new ulong[pool.Count, BlockTable.Positions];
    }

    /// <summary>Steps so far.</summary>
    public int Steps { get; private set; }

    /// <summary>Rows of all steps.</summary>
    public RowCounts Rows { get; private set; }

    /// <summary>Runs a step for the sequences that it was planned for.</summary>
    public void Run(ScheduledStep step)
    {
        Steps++;
        RowCounts rows = step.Plan.Rows;
        Rows = new RowCounts(Rows.Prompt + rows.Prompt, Rows.Decoding + rows.Decoding);
        var written = new StepRow[rows.Total];
        step.Plan.WriteRows(written);
        (StepSegment Segment, Sequence Sequence)[] parts = [.. step.Plan.Prompts.ToArray().Zip(step.Prompts), .. step.Plan.Decoding.ToArray().Zip(step.Decoding)];
        // First all rows store, then all look.
        int row = 0;
        foreach ((StepSegment segment, Sequence sequence) in parts)
        {
            for (int position = segment.Position; position < segment.End; position++, row++)
            {
                Assert.Equal(new StepRow((uint)sequence.Slice(position, 1)[0], (uint)position, (uint)segment.Slot), written[row]);
                Assert.Equal(position < sequence.PromptLength ? RowKind.Prompt : RowKind.Decoding, segment.Kind);
                for (int group = 0; group < _windows.Count; group++) Place(sequence, group, position) = Content(sequence, group, position);
            }
        }
        foreach ((StepSegment segment, Sequence sequence) in parts)
            for (int position = segment.Position; position < segment.End; position++) Look(sequence, position);
    }

    public Candidates Candidates(int wanted) => throw new NotSupportedException();

    public Span<float> ReadLogits(int wanted) => throw new NotSupportedException();

    private void Look(Sequence sequence, int query)
    {
        for (int group = 0; group < _windows.Count; group++)
        {
            for (int position = Math.Max(0, query + 1 - (_windows[group] ?? int.MaxValue)); position <= query; position++)
                if (Place(sequence, group, position) != Content(sequence, group, position)) Assert.Fail($"Group {group}: what query {query} sees at {position} is not this sequence's.");
        }
    }

    private ref ulong Place(Sequence sequence, int group, int position) =>
        ref _content[sequence.Blocks!.Blocks(group)[position / BlockTable.Positions], position % BlockTable.Positions];

    /// <summary>What must lie at a position: it follows from the group, from all tokens up to there, and from who computed them.</summary>
    private ulong Content(Sequence sequence, int group, int position)
    {
        if (!_hashes.TryGetValue(sequence, out List<ulong>? hashes)) _hashes.Add(sequence, hashes = [1]);
        while (hashes.Count <= Math.Min(position + 1, sequence.Length)) hashes.Add(Extend(hashes[^1], sequence.Tokens[hashes.Count - 1]));
        ulong hash = hashes[Math.Min(position + 1, sequence.Length)];
        // Guesses may be wrong: what follows from them is not kept.
        for (int guess = sequence.Length; guess <= position; guess++) hash = Extend(hash, sequence.Slice(guess, 1)[0]);
        return (((hash * 31) + (ulong)Math.Min(position + 1, sequence.PromptLength)) * 31) + (ulong)group;
    }

    private static ulong Extend(ulong hash, int token) => (hash * 0x9E3779B97F4A7C15) + (uint)token + 1;
}
