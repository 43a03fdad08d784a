using System.Runtime.InteropServices;
using Gemma2.Backend.Cache;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>
/// Decides what the next step computes. Waiting sequences are let in as slots and blocks become free, interactive ones first. In a step every running sequence that decodes has its row, and prompts
/// share what the budget leaves them, in turns. Where the cache has no room, the youngest batch sequence gives its blocks up, waits, and goes on later. Knows no device and reads no clock: the
/// same calls give the same plans.
/// </summary>
internal sealed class Scheduler
{
    private readonly BlockPool _pool;
    private readonly IReadOnlyList<int?> _windows;
    private readonly StepBudget _budget;
    private readonly Stack<int> _slots;
    private readonly int _slotCount;
    private readonly LinkedList<Sequence> _waiting = [];
    private readonly List<Sequence> _running = [];
    private readonly List<Sequence> _turns = []; // of this step, in the order in which they get rows
    private readonly List<Sequence> _masked = [];
    private long _arrivals;
    private long _turn;
    private long _firstTurn; // of this step
    private int _rests; // steps on end in which batch sequences rested
    private bool _batchRests; // in this step
    private bool _failed; // whether a sequence ended while this step was planned: others may take its place

    /// <param name="pool">The KV cache's blocks.</param>
    /// <param name="windows">What each group of layers sees, see <see cref="BlockTable"/>.</param>
    /// <param name="slots">Most sequences that run at once.</param>
    /// <param name="budget">Rows of a step.</param>
    public Scheduler(BlockPool pool, IReadOnlyList<int?> windows, int slots, StepBudget? budget = null)
    {
        (_pool, _windows, _slotCount, _budget) = (pool, windows, slots, budget ?? new StepBudget());
        _slots = new Stack<int>(Enumerable.Range(0, slots).Reverse());
    }

    /// <summary>Sequences that wait.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Sequences that run.</summary>
    public int Running => _running.Count;

    /// <summary>How often a running sequence had to give its blocks up.</summary>
    public long Preemptions { get; private set; }

    /// <summary>What it is doing; others know the steps and the guesses.</summary>
    public EngineStatistics Statistics => new()
    {
        Running = _running.Count,
        Waiting = _waiting.Count,
        Blocks = _pool.Count,
        HeldBlocks = _pool.Held,
        KeptBlocks = _pool.Kept,
        Preemptions = Preemptions,
    };

    /// <summary>Puts a sequence in line.</summary>
    public void Add(Sequence sequence)
    {
        sequence.Arrival = _arrivals++;
        Wait(sequence);
    }

    /// <summary>Plans the next step. All results of the steps before it that were wanted have been taken.</summary>
    /// <param name="step">Filled with the plan.</param>
    /// <returns>False when there is nothing to do.</returns>
    public bool Plan(ScheduledStep step)
    {
        step.Clear();
        _firstTurn = _turn;
        EndAbandoned();
        FindMasks();
        do
        {
            _failed = false;
            Admit();
            PlanRows(step);
        }
        while (_failed && step.Plan.Rows.Total == 0);
        _rests = _batchRests ? _rests + 1 : 0;
        return step.Plan.Rows.Total > 0;
    }

    /// <summary>Takes the results of a step that is done.</summary>
    public void Complete(ScheduledStep step, IStepResults results)
    {
        int wanted = 0;
        Complete(step.Prompts, step.Plan.Prompts, results, ref wanted);
        Complete(step.Decoding, step.Plan.Decoding, results, ref wanted);
    }

    /// <summary>Ends every sequence, running or waiting.</summary>
    public void FailAll(Exception error)
    {
        foreach (Sequence sequence in _running.ToArray()) End(sequence, error);
        foreach (Sequence sequence in _waiting) sequence.Complete(error);
        _waiting.Clear();
    }

    /// <summary>Checks what must always hold between steps.</summary>
    /// <exception cref="InvalidOperationException">Something does not hold.</exception>
    public void CheckInvariants()
    {
        var held = new int[_pool.Count];
        foreach (Sequence sequence in _running) sequence.Blocks!.CountHeld(held);
        _pool.CheckInvariants(held);
        HashSet<int> slots = [.. _slots];
        foreach (Sequence sequence in _running)
        {
            if (!slots.Add(sequence.Slot!.Value)) throw new InvalidOperationException($"Slot {sequence.Slot} is taken twice.");
            if (sequence.Computed > sequence.Length) throw new InvalidOperationException($"{sequence.Computed} positions of {sequence.Length} tokens are computed.");
            if (_waiting.Contains(sequence)) throw new InvalidOperationException("A sequence waits and runs.");
        }
    }

    private void EndAbandoned()
    {
        for (int i = _running.Count - 1; i >= 0; i--)
            if (_running[i].IsAbandoned) End(_running[i], null);
        for (LinkedListNode<Sequence>? node = _waiting.First; node is not null;)
        {
            LinkedListNode<Sequence>? next = node.Next;
            if (node.Value.IsAbandoned)
            {
                _waiting.Remove(node);
                node.Value.Complete(null);
            }
            node = next;
        }
    }

    /// <summary>Puts a sequence in line by class and arrival.</summary>
    private void Wait(Sequence sequence)
    {
        LinkedListNode<Sequence>? before = _waiting.Last;
        while (before is not null && GoesBefore(sequence, before.Value)) before = before.Previous;
        if (before is null) _waiting.AddFirst(sequence);
        else _waiting.AddAfter(before, sequence);
    }

    private static bool GoesBefore(Sequence one, Sequence other) => one.Class != other.Class ? one.Class < other.Class : one.Arrival < other.Arrival;

    private void Admit()
    {
        while (Next() is { } sequence)
        {
            if (_slots.Count == 0 && !TakeSlot(sequence)) return;
            sequence.Blocks ??= new BlockTable(_pool, _windows, sequence.MostTokens);
            AdoptBlocks(sequence);
            if (!MakeRoom(sequence, sequence.Length, promised: true) && _running.Count > 0)
            {
                sequence.Blocks.Clear();
                sequence.Restart();
                return;
            }
            _waiting.Remove(sequence);
            sequence.Start();
            sequence.Slot = _slots.Pop();
            _running.Add(sequence);
        }
    }

    /// <summary>Who gets a slot next: the first in line, but the first of the batch class while that has less than its floor.</summary>
    private Sequence? Next()
    {
        if (_waiting.First?.Value is { Class: RequestClass.Interactive } && BatchRunning() < Floor(_slotCount))
        {
            foreach (Sequence sequence in _waiting)
                if (sequence.Class == RequestClass.Batch) return sequence;
        }
        return _waiting.First?.Value;
    }

    /// <summary>An interactive sequence may take the slot of a batch one, as long as these have more than their floor.</summary>
    private bool TakeSlot(Sequence sequence) =>
        sequence.Class == RequestClass.Interactive && BatchRunning() > Floor(_slotCount) && Preempt(sequence);

    private int BatchRunning()
    {
        int count = 0;
        foreach (Sequence sequence in _running)
            if (sequence.Class == RequestClass.Batch) count++;
        return count;
    }

    /// <summary>Finds out, of several sequences side by side, what they may say next: the device waits for it.</summary>
    private void FindMasks()
    {
        _masked.Clear();
        foreach (Sequence sequence in _running)
            if (sequence.IsMasked) _masked.Add(sequence);
        if (_masked.Count > 1) Parallel.ForEach(_masked, sequence => MaskError(sequence));
    }

    private bool ReadsInteractivePrompt()
    {
        foreach (Sequence sequence in _running)
            if (sequence.Class == RequestClass.Interactive && sequence.NextKind == RowKind.Prompt) return true;
        return false;
    }

    private void PlanRows(ScheduledStep step)
    {
        _batchRests = _rests < _budget.BatchRests && ReadsInteractivePrompt();
        PlanDecoding(step);
        PlanPrompts(step);
        if (!_batchRests || step.Plan.Rows.Total > 0) return;
        // The prompt has to wait for blocks that only batch sequences can give back.
        _batchRests = false;
        PlanDecoding(step);
        PlanPrompts(step);
    }

    private void PlanDecoding(ScheduledStep step)
    {
        int rows = _budget.Decoding, forBatch = Math.Min(Floor(_budget.Decoding), Turns(RowKind.Decoding));
        int drafts = Math.Max(0, _budget.WithDrafts - _turns.Count);
        foreach (Sequence sequence in CollectionsMarshal.AsSpan(_turns))
        {
            int left = sequence.Class == RequestClass.Interactive ? rows - forBatch : rows;
            int count = Math.Min(sequence.Length - sequence.Computed, left);
            if (count <= 0 || !HasMask(sequence)) continue;
            int drafted = sequence.Computed + count == sequence.Length ? Draft(sequence, Math.Min(drafts, left - count)) : 0;
            if (!TryAdd(step, sequence, RowKind.Decoding, count, drafted)) continue;
            rows -= count + drafted;
            drafts -= drafted;
        }
    }

    /// <summary>Lets a sequence find out what it may say next; one that cannot ends here, before it has rows.</summary>
    private bool HasMask(Sequence sequence)
    {
        if (MaskError(sequence) is not { } error) return true;
        _failed = true;
        if (sequence.Slot is not null) End(sequence, error);
        return false;
    }

    private static GenerationException? MaskError(Sequence sequence)
    {
        try
        {
            _ = sequence.Mask;
            return null;
        }
        catch (GenerationException e)
        {
            return e;
        }
    }

    /// <summary>Guesses that there are blocks for without anybody giving way. What a mask allows next is not known beforehand.</summary>
    private int Draft(Sequence sequence, int most)
    {
        if (most <= 0 || sequence.Slot is null || sequence.Mask is not null) return 0;
        int drafted = sequence.Draft(most);
        return sequence.Blocks!.Missing(sequence.Length + drafted) <= _pool.Available ? drafted : 0;
    }

    private void PlanPrompts(ScheduledStep step)
    {
        int rows = step.HasStreams ? _budget.PromptBesideStreams : _budget.Prompt;
        int forBatch = Turns(RowKind.Prompt) > 0 ? Floor(rows) : 0, ofBatch = _budget.PromptOfBatch;
        foreach (Sequence sequence in CollectionsMarshal.AsSpan(_turns))
        {
            if (step.Prompts.Count == StepLimits.Prompts) break;
            if (sequence.Slot is not null) AdoptBlocks(sequence);
            int left = sequence.Class == RequestClass.Interactive ? rows - forBatch : Math.Min(rows, ofBatch);
            if (sequence.ScoresPrompt) left = Math.Min(left, StepLimits.Results - step.Plan.Wanted);
            int count = ChunkOf(sequence, left, hasResult: step.Plan.Wanted < StepLimits.Results);
            if (count <= 0 || !HasMask(sequence) || !TryAdd(step, sequence, RowKind.Prompt, count)) continue;
            rows -= count;
            if (sequence.Class == RequestClass.Batch) ofBatch -= count;
        }
    }

    /// <summary>What interactive sequences leave to batch ones, which then always get on: of rows, and of slots.</summary>
    private int Floor(int all) => all < 2 ? 0 : Math.Max(1, all / _budget.BatchShare);

    /// <summary>Finds out whose turn it is, in order: by class, then who has waited longest.</summary>
    /// <returns>How many of them are of the batch class.</returns>
    private int Turns(RowKind kind)
    {
        _turns.Clear();
        int batch = 0;
        foreach (Sequence sequence in _running)
        {
            if (sequence.NextKind != kind || (_batchRests && sequence.Class == RequestClass.Batch)) continue;
            _turns.Add(sequence);
            if (sequence.Class == RequestClass.Batch) batch++;
        }
        _turns.Sort(_byTurn);
        return batch;
    }

    private static readonly Comparison<Sequence> _byTurn = (one, other) =>
    {
        int order = one.Class.CompareTo(other.Class);
        if (order == 0) order = one.Turn.CompareTo(other.Turn);
        return order != 0 ? order : one.Arrival.CompareTo(other.Arrival);
    };

    /// <summary>Rows of a prompt's next chunk: to its end, or to the end of a block, from where on blocks of others can be taken over.</summary>
    private static int ChunkOf(Sequence sequence, int rows, bool hasResult)
    {
        int left = sequence.PromptLength - sequence.Computed;
        if (left <= rows && (hasResult || sequence.Length > sequence.PromptLength)) return left;
        int end = sequence.Computed + Math.Min(rows, left - 1);
        int atBlock = end / BlockTable.Positions * BlockTable.Positions;
        return (atBlock > sequence.Computed ? atBlock : end) - sequence.Computed;
    }

    private bool TryAdd(ScheduledStep step, Sequence sequence, RowKind kind, int count, int drafted = 0)
    {
        // It may just have given way to another.
        if (sequence.Slot is not { } slot) return false;
        BlockTable blocks = sequence.Blocks!;
        blocks.Trim(sequence.Computed);
        int end = sequence.Computed + count;
        if (!MakeRoom(sequence, end + drafted)) return false;
        blocks.TryExtend(end + drafted);
        bool isLast = end == sequence.Length;
        int wanted = sequence.ScoresPrompt ? count : isLast ? 1 + drafted : 0;
        int next = isLast ? 0 : sequence.Tokens[end];
        step.Add(sequence, new StepSegment(slot, kind, sequence.Computed, count + drafted, wanted, sequence.Temperature, sequence.Mask, next));
        sequence.Compute(end);
        sequence.Turn = _turn++;
        blocks.Publish(sequence.Tokens, sequence.PromptLength, end);
        return true;
    }

    /// <summary>Takes over what others have computed of the same tokens.</summary>
    private void AdoptBlocks(Sequence sequence)
    {
        if (_budget.ReusesPrefixes && !sequence.ScoresPrompt) sequence.Find(sequence.Blocks!.Adopt(sequence.Tokens, sequence.PromptLength, sequence.Computed, sequence.Length - 1));
    }

    /// <summary>Lets younger sequences give their blocks up until there is room for a length of this one.</summary>
    /// <param name="sequence">Who needs it.</param>
    /// <param name="positions">The length.</param>
    /// <param name="promised">Whether running sequences keep the room that they need for what they have to compute.</param>
    private bool MakeRoom(Sequence sequence, int positions, bool promised = false)
    {
        while (sequence.Blocks!.Missing(positions) + (promised ? Promised() : 0) > _pool.Available)
            if (!Preempt(sequence)) return false;
        return true;
    }

    /// <summary>Blocks that running sequences need for the tokens that they have to compute.</summary>
    private int Promised()
    {
        int blocks = 0;
        foreach (Sequence sequence in _running) blocks += sequence.Blocks!.Missing(sequence.Length);
        return blocks;
    }

    /// <summary>
    /// Takes blocks and slot from a running sequence that has no rows in this step: the youngest of the batch class; for an interactive one also the youngest that came later than it.
    /// </summary>
    /// <param name="cause">For whom it is done; it does not go before itself, and so is spared.</param>
    private bool Preempt(Sequence cause)
    {
        Sequence? victim = null;
        foreach (Sequence sequence in _running)
        {
            if (sequence.Turn >= _firstTurn || !GoesBefore(cause, sequence)) continue;
            if (victim is null || GoesBefore(victim, sequence)) victim = sequence;
        }
        if (victim is null) return false;
        Preemptions++;
        Leave(victim);
        victim.Restart();
        Wait(victim);
        return true;
    }

    private void Complete(List<Sequence> sequences, ReadOnlySpan<StepSegment> segments, IStepResults results, ref int wanted)
    {
        for (int i = 0; i < segments.Length; i++)
        {
            if (segments[i].Wanted == 0) continue;
            Complete(sequences[i], results, wanted, segments[i].Wanted);
            wanted += segments[i].Wanted;
        }
    }

    private void Complete(Sequence sequence, IStepResults results, int first, int count)
    {
        int length = sequence.Length;
        try
        {
            if (sequence.IsAbandoned || !sequence.Take(results, first, count)) End(sequence, null);
            // All but the last token have been computed: it was known, or guessed rightly.
            else if (sequence.Length > length) sequence.Compute(sequence.Length - 1);
        }
        catch (GenerationException e)
        {
            End(sequence, e);
        }
    }

    private void End(Sequence sequence, Exception? error)
    {
        Leave(sequence);
        sequence.Complete(error);
    }

    private void Leave(Sequence sequence)
    {
        sequence.Blocks!.Clear();
        _slots.Push(sequence.Slot!.Value);
        sequence.Slot = null;
        _running.Remove(sequence);
    }
}
