using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Gemma2.Backend.Cache;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Model;

/// <summary>Consecutive tokens of one sequence in a step.</summary>
/// <param name="Slot">Number of the sequence in the block tables.</param>
/// <param name="Kind">Which kernels compute them.</param>
/// <param name="Position">Position of the first one in the sequence.</param>
/// <param name="Count">How many they are.</param>
/// <param name="Wanted">The logits after the last so many of them are wanted.</param>
/// <param name="Temperature">At which these are used.</param>
/// <param name="Mask">Tokens that may be picked from them; null where all may.</param>
/// <param name="Next">The token behind the last one, where it is known: its logit is told whatever its rank.</param>
internal readonly record struct StepSegment(int Slot, RowKind Kind, int Position, int Count, int Wanted, double Temperature, ITokenMask? Mask = null, int Next = 0)
{
    /// <summary>The position behind the last one.</summary>
    public int End => Position + Count;
}

/// <summary>A row whose logits are wanted.</summary>
/// <param name="Row">Its index among the rows of the step.</param>
/// <param name="Temperature">At which its logits are used.</param>
/// <param name="Mask">Tokens that may be picked; null where all may.</param>
/// <param name="Token">A token whose logit is told whatever its rank: the one that follows, where it is known.</param>
internal readonly record struct WantedRow(int Row, double Temperature, ITokenMask? Mask = null, int Token = 0);

/// <summary>
/// What one step over the weights computes: rows of tokens, prompts first, then those that decode; where their sequences' keys and values lie; which rows' logits are wanted. Written by the
/// scheduler, read by <see cref="ForwardPass"/>. Used again for step after step.
/// </summary>
internal sealed class StepPlan : IEquatable<StepPlan>
{
    private readonly List<StepSegment> _prompts = [];
    private readonly List<StepSegment> _decoding = [];
    private readonly List<int> _promptTokens = new(StepLimits.PromptRows);
    private readonly List<int> _decodingTokens = new(StepLimits.DecodingRows);
    private readonly List<(int Slot, BlockTable Blocks)> _tables = [];

    /// <summary>Rows of both kinds.</summary>
    public RowCounts Rows => new(_promptTokens.Count, _decodingTokens.Count);

    /// <summary>Rows whose logits are wanted.</summary>
    public int Wanted { get; private set; }

    /// <summary>Whether masks have to be applied to wanted rows.</summary>
    public bool HasMasks { get; private set; }

    /// <summary>Segments of prompts, in the order of their rows.</summary>
    public ReadOnlySpan<StepSegment> Prompts => CollectionsMarshal.AsSpan(_prompts);

    /// <summary>Segments that decode, in the order of their rows, which follow those of the prompts.</summary>
    public ReadOnlySpan<StepSegment> Decoding => CollectionsMarshal.AsSpan(_decoding);

    /// <summary>Where the keys and values of the step's sequences lie.</summary>
    public ReadOnlySpan<(int Slot, BlockTable Blocks)> Tables => CollectionsMarshal.AsSpan(_tables);

    /// <summary>Starts an empty plan.</summary>
    public void Clear()
    {
        _prompts.Clear();
        _decoding.Clear();
        _promptTokens.Clear();
        _decodingTokens.Clear();
        _tables.Clear();
        Wanted = 0;
        HasMasks = false;
    }

    /// <summary>Adds rows. Those of a prompt and those that decode may be added in any order.</summary>
    /// <param name="segment">Which rows.</param>
    /// <param name="tokens">[segment.Count] their tokens.</param>
    /// <param name="blocks">Where their keys and values go, and those before them lie.</param>
    public void Add(in StepSegment segment, ReadOnlySpan<int> tokens, BlockTable blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, segment.Count);
        (segment.Kind == RowKind.Prompt ? _prompts : _decoding).Add(segment);
        (segment.Kind == RowKind.Prompt ? _promptTokens : _decodingTokens).AddRange(tokens);
        _tables.Add((segment.Slot, blocks));
        Wanted += segment.Wanted;
        HasMasks |= segment.Wanted > 0 && segment.Mask is not null;
    }

    /// <summary>Writes the rows as kernels read them.</summary>
    /// <param name="rows">[<see cref="Rows"/>] room for them.</param>
    public void WriteRows(Span<StepRow> rows)
    {
        int row = 0;
        WriteRows(_prompts, _promptTokens, rows, ref row);
        WriteRows(_decoding, _decodingTokens, rows[row..], ref row);
    }

    /// <summary>Writes which rows' logits are wanted.</summary>
    /// <param name="wanted">[<see cref="Wanted"/>] room for them.</param>
    public void WriteWanted(Span<WantedRow> wanted)
    {
        int count = 0;
        WriteWanted(Prompts, _promptTokens, 0, wanted, ref count);
        WriteWanted(Decoding, _decodingTokens, _promptTokens.Count, wanted, ref count);
    }

    /// <summary>Whether both compute the same, wherever blocks lie.</summary>
    public bool Equals(StepPlan? other) => other is not null && Prompts.SequenceEqual(other.Prompts) && Decoding.SequenceEqual(other.Decoding)
        && _promptTokens.SequenceEqual(other._promptTokens) && _decodingTokens.SequenceEqual(other._decodingTokens);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StepPlan);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rows, Wanted);

    /// <summary>One segment a line: what is computed, for which sequence, at which positions.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (StepSegment segment in _prompts.Concat(_decoding))
        {
            text.Append(CultureInfo.InvariantCulture, $"{segment.Kind.ToString().ToLowerInvariant()} of slot {segment.Slot}: {segment.Position} to {segment.End - 1}");
            if (segment.Wanted > 0) text.Append(CultureInfo.InvariantCulture, $", {segment.Wanted} wanted{(segment.Mask is null ? "" : ", masked")}");
            text.AppendLine();
        }
        return text.ToString();
    }

    private static void WriteWanted(ReadOnlySpan<StepSegment> segments, List<int> tokens, int firstRow, Span<WantedRow> wanted, ref int count)
    {
        int end = 0; // of the segment's tokens
        foreach (StepSegment segment in segments)
        {
            end += segment.Count;
            for (int i = end - segment.Wanted; i < end; i++)
                wanted[count++] = new WantedRow(firstRow + i, segment.Temperature, segment.Mask, i + 1 < end ? tokens[i + 1] : segment.Next);
        }
    }

    private static void WriteRows(List<StepSegment> segments, List<int> tokens, Span<StepRow> rows, ref int count)
    {
        int row = 0;
        foreach (StepSegment segment in segments)
        {
            for (int position = segment.Position; position < segment.End; position++, row++)
                rows[row] = new StepRow((uint)tokens[row], (uint)position, (uint)segment.Slot);
        }
        count += row;
    }
}
