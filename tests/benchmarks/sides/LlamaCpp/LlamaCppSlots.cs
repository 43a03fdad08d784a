using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides;

/// <summary>
/// Serves many requests with llama.cpp as its own server does: slots, each a sequence of the context; every batch has the next token of each slot that decodes, and is filled up with
/// prompts; a new request takes the free slot whose tokens it has most in common with, and does not compute those again.
/// </summary>
/// <param name="model">The loaded model.</param>
/// <param name="context">A context with as many sequences.</param>
/// <param name="slots">How many.</param>
/// <param name="vocabularySize">Logits of a row.</param>
internal sealed unsafe class LlamaCppSlots(nint model, nint context, int slots, int vocabularySize) : IDisposable
{
    // llama.cpp's n_batch by default.
    private const int BatchTokens = 2048;

    private readonly Slot[] _slots = [.. Enumerable.Range(0, slots).Select(number => new Slot(number))];
    private readonly ConcurrentQueue<Job> _waiting = new();
    private readonly AutoResetEvent _work = new(false);
    private readonly nint _memory = LlamaCppApi.Memory(context);
    private readonly int _window = LlamaCppApi.Window(model);
    private LlamaCppBatch _batch = LlamaCppApi.CreateBatch(BatchTokens, 0, 1);
    private Thread? _thread;
    private volatile bool _isStopping;

    /// <summary>Answers a request.</summary>
    public async IAsyncEnumerable<ServedToken> ServeAsync(LoadRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Start();
        var job = new Job(request);
        _waiting.Enqueue(job);
        _work.Set();
        try
        {
            await foreach (ServedToken token in job.Tokens.Reader.ReadAllAsync(cancellationToken)) yield return token;
        }
        finally
        {
            job.IsAbandoned = true;
        }
    }

    /// <summary>Ends the thread. All requests have been answered.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _work.Set();
        _thread?.Join();
        _work.Dispose();
        LlamaCppApi.FreeBatch(_batch);
    }

    private void Start()
    {
        lock (_slots)
        {
            if (_thread is not null) return;
            LlamaCppApi.ClearMemory(_memory, 1);
            _thread = new Thread(Run) { IsBackground = true, Name = "llama.cpp" };
            _thread.Start();
        }
    }

    private void Run()
    {
        while (!_isStopping)
        {
            try
            {
                if (!Step()) _work.WaitOne();
            }
            catch (InvalidOperationException error)
            {
                foreach (Slot slot in _slots) slot.Fail(error);
                while (_waiting.TryDequeue(out Job? job)) job.Tokens.Writer.TryComplete(error);
            }
        }
    }

    private bool Step()
    {
        foreach (Slot slot in _slots) slot.EndAbandoned();
        Admit();
        _batch.Count = 0;
        foreach (Slot slot in _slots.Where(slot => slot.IsDecoding)) Add(slot, 1);
        foreach (Slot slot in _slots.Where(slot => slot.IsReading)) Add(slot, Math.Min(slot.Left, BatchTokens - _batch.Count));
        if (_batch.Count == 0) return false;
        int status = LlamaCppApi.Decode(context, _batch);
        if (status != 0) throw new InvalidOperationException($"llama_decode failed with {status}:\n{LlamaCppLog.Text}");
        foreach (Slot slot in _slots)
        {
            if (slot.Result is not { } row) continue;
            slot.Take(TensorPrimitives.IndexOfMax(new ReadOnlySpan<float>(LlamaCppApi.Logits(context, row), vocabularySize)));
        }
        return true;
    }

    private void Admit()
    {
        while (_slots.Any(slot => slot.IsFree) && _waiting.TryDequeue(out Job? job))
        {
            if (job.IsAbandoned) continue;
            Slot slot = _slots.Where(slot => slot.IsFree).MaxBy(slot => (slot.CommonWith(job.Request.Prompt), -slot.Used))!;
            int kept = slot.CommonWith(job.Request.Prompt);
            // A layer with a window may have forgotten what the first new token has to see.
            if (kept > 0 && LlamaCppApi.FirstPosition(_memory, slot.Number) > Math.Max(0, kept - _window)) kept = 0;
            if (LlamaCppApi.Remove(_memory, slot.Number, kept, -1) == 0)
            {
                kept = 0;
                LlamaCppApi.Remove(_memory, slot.Number, -1, -1);
            }
            slot.Begin(job, kept);
        }
    }

    /// <summary>Adds the next tokens of a slot; the last of all that it has gives a result.</summary>
    private void Add(Slot slot, int count)
    {
        for (int i = 0; i < count; i++)
        {
            int row = _batch.Count++;
            bool isLast = slot.Left == 1;
            ((int*)_batch.Tokens)[row] = slot.Next(row);
            ((int*)_batch.Positions)[row] = slot.Computed - 1;
            ((int*)_batch.SequenceCounts)[row] = 1;
            ((int**)_batch.Sequences)[row][0] = slot.Number;
            ((byte*)_batch.Outputs)[row] = isLast ? (byte)1 : (byte)0;
        }
    }

    private sealed record Job(LoadRequest Request)
    {
        public Channel<ServedToken> Tokens { get; } = Channel.CreateUnbounded<ServedToken>();

        public volatile bool IsAbandoned;
    }

    /// <summary>A sequence of the context: what it holds, and for whom.</summary>
    private sealed class Slot(int number)
    {
        private static long _uses;

        private readonly List<int> _tokens = [];
        private Job? _job;
        private int _cached;

        public int Number => number;

        /// <summary>When it was last taken.</summary>
        public long Used { get; private set; }

        /// <summary>Tokens whose keys and values are there, or will be after this batch.</summary>
        public int Computed { get; private set; }

        /// <summary>The row of the batch whose logits give its next token.</summary>
        public int? Result { get; private set; }

        public bool IsFree => _job is null;

        public int Left => _tokens.Count - Computed;

        public bool IsDecoding => _job is { } job && _tokens.Count > job.Request.Prompt.Length;

        public bool IsReading => _job is not null && !IsDecoding;

        /// <summary>Tokens at its beginning that a prompt has, too; at least the prompt's last one is to be computed.</summary>
        public int CommonWith(int[] prompt) => Math.Min(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens)[..Computed].CommonPrefixLength(prompt), prompt.Length - 1);

        public void Begin(Job job, int kept)
        {
            _tokens.Clear();
            _tokens.AddRange(job.Request.Prompt);
            (_job, _cached, Computed, Used) = (job, kept, kept, ++_uses);
        }

        public int Next(int row)
        {
            int token = _tokens[Computed++];
            if (Left == 0) Result = row;
            return token;
        }

        public void Take(int token)
        {
            Result = null;
            _job!.Tokens.Writer.TryWrite(new ServedToken(token, _cached));
            _tokens.Add(token);
            if (_tokens.Count < _job.Request.Prompt.Length + _job.Request.NewTokens) return;
            _job.Tokens.Writer.TryComplete();
            _job = null;
        }

        public void EndAbandoned()
        {
            if (_job is not { IsAbandoned: true }) return;
            _job.Tokens.Writer.TryComplete();
            _job = null;
        }

        public void Fail(Exception error)
        {
            _job?.Tokens.Writer.TryComplete(error);
            (_job, Result, Computed) = (null, null, 0);
        }
    }
}
