using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>A step's plan, and the sequences that it is for. Used again for step after step.</summary>
internal sealed class ScheduledStep
{
    /// <summary>What is computed.</summary>
    public StepPlan Plan { get; } = new();

    /// <summary>Whose the plan's segments of prompts are, in their order.</summary>
    public List<Sequence> Prompts { get; } = [];

    /// <summary>Whose the segments that decode are, in their order.</summary>
    public List<Sequence> Decoding { get; } = [];

    /// <summary>Whether somebody waits for the next token of a sequence in it.</summary>
    public bool HasStreams { get; private set; }

    /// <summary>Starts an empty step.</summary>
    public void Clear()
    {
        Plan.Clear();
        Prompts.Clear();
        Decoding.Clear();
        HasStreams = false;
    }

    /// <summary>Adds rows of a sequence.</summary>
    public void Add(Sequence sequence, in StepSegment segment)
    {
        Plan.Add(segment, sequence.Slice(segment.Position, segment.Count), sequence.Blocks!);
        bool isPrompt = segment.Kind == RowKind.Prompt;
        (isPrompt ? Prompts : Decoding).Add(sequence);
        HasStreams |= !isPrompt && sequence.Class == RequestClass.Interactive;
    }
}
