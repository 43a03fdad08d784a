using System.Collections.Concurrent;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Engine;

/// <summary>
/// Decides what the device does next. Waiting sequences are let in, in order, as KV caches become free. Of those that run, prompts take turns, a chunk each, and
/// up to <see cref="PassLimits.DecodingRows"/> sequences get their next token in one pass; chunks and decoding passes alternate, so that none waits for
/// another's end. While a pass runs, the next one is handed over. A row's result depends on its own sequence alone, so an answer does not depend on what else runs.
/// </summary>
/// <param name="forward">Runs the passes.</param>
/// <param name="caches">How many sequences may run at once.</param>
/// <param name="passTimed">Told of every pass when passes are timed.</param>
internal sealed class Scheduler(ForwardPass forward, int caches, Action<PassProfile>? passTimed = null)
{
    private readonly ConcurrentQueue<Sequence> _waiting = new();
    private readonly Stack<int> _free = new(Enumerable.Range(0, caches).Reverse());

    // A running sequence is in one of these, or waits for a pass on its way.
    private readonly Queue<Sequence> _prompting = new();
    private readonly Queue<Sequence> _decoding = new();

    private readonly Queue<Flight> _flights = new(ForwardPass.MaxInFlight);
    private readonly List<Sequence> _rows = new(PassLimits.DecodingRows);
    private bool _isPromptsTurn;

    /// <summary>Puts a sequence in line. From any thread.</summary>
    public void Add(Sequence sequence) => _waiting.Enqueue(sequence);

    /// <summary>Keeps the device busy until one pass more is done.</summary>
    /// <returns>False when there was nothing to do.</returns>
    /// <exception cref="DeviceException">The device failed: no sequence can go on, see <see cref="FailAll"/>.</exception>
    public bool RunOne()
    {
        do
        {
            Admit();
            while (_flights.Count < ForwardPass.MaxInFlight && (_isPromptsTurn ? SubmitPrompt() || SubmitDecoding() : SubmitDecoding() || SubmitPrompt())) { }
            // Sequences that were abandoned may have left room for others.
        }
        while (_flights.Count == 0 && _free.Count > 0 && !_waiting.IsEmpty);

        if (!_flights.TryPeek(out Flight flight)) return false;
        flight.Pass.Wait();
        passTimed?.Invoke(new PassProfile(flight.IsPrompt, flight.Rows, flight.Position, flight.Pass.ReadTimes()));
        if (flight.IsPrompt) TakeResult(flight.Reader, flight.Pass, 0);
        else TakeResults(flight.Pass);
        _flights.Dequeue();
        return true;
    }

    /// <summary>Ends every sequence, running or waiting.</summary>
    public void FailAll(Exception error)
    {
        foreach (Flight flight in _flights) flight.Reader?.Complete(error);
        foreach (Sequence sequence in _rows.Concat(_prompting).Concat(_decoding)) sequence.Complete(error);
        while (_waiting.TryDequeue(out Sequence? sequence)) sequence.Complete(error);
    }

    private void Admit()
    {
        while (_free.Count > 0 && _waiting.TryDequeue(out Sequence? sequence))
        {
            sequence.Cache = _free.Pop();
            _prompting.Enqueue(sequence);
        }
    }

    /// <summary>Hands over the next chunk of the prompt whose turn it is; false when there is none.</summary>
    private bool SubmitPrompt()
    {
        if (!TryNext(_prompting, out Sequence? sequence)) return false;
        int position = sequence.Position;
        ReadOnlySpan<int> chunk = sequence.TakeChunk();
        bool isLast = !sequence.IsPrompting;
        Pass pass = forward.SubmitPrompt(chunk, position, sequence.Cache, isLast ? sequence.Temperature : null);
        if (!isLast) _prompting.Enqueue(sequence);
        _flights.Enqueue(new Flight(pass, true, chunk.Length, position, isLast ? sequence : null));
        _isPromptsTurn = false;
        return true;
    }

    /// <summary>Hands over the next token of the sequences whose turn it is; false when there is none, or the last such pass is still on its way.</summary>
    private bool SubmitDecoding()
    {
        if (_rows.Count > 0) return false;
        Pass pass = forward.Decoding;
        while (_rows.Count < PassLimits.DecodingRows && TryNext(_decoding, out Sequence? sequence))
        {
            _rows.Add(sequence);
            pass.Rows(_rows.Count)[^1] = sequence.TakeRow();
            pass.SetTemperature(_rows.Count - 1, sequence.Temperature);
        }
        if (_rows.Count == 0) return false;
        forward.SubmitDecoding(_rows.Count);
        _flights.Enqueue(new Flight(pass, false, _rows.Count, _rows[0].Position - 1, null));
        _isPromptsTurn = true;
        return true;
    }

    /// <summary>The next one that somebody still waits for.</summary>
    private bool TryNext(Queue<Sequence> queue, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Sequence? sequence)
    {
        while (queue.TryDequeue(out sequence))
        {
            if (!sequence.IsAbandoned) return true;
            End(sequence, null);
        }
        return false;
    }

    private void TakeResults(Pass pass)
    {
        for (int row = 0; row < _rows.Count; row++) TakeResult(_rows[row], pass, row);
        _rows.Clear();
    }

    private void TakeResult(Sequence? sequence, Pass pass, int row)
    {
        if (sequence is null) return;
        try
        {
            if (!sequence.IsAbandoned && sequence.Advance(pass, row)) _decoding.Enqueue(sequence);
            else End(sequence, null);
        }
        catch (GenerationException e)
        {
            End(sequence, e);
        }
    }

    private void End(Sequence sequence, Exception? error)
    {
        _free.Push(sequence.Cache);
        sequence.Complete(error);
    }

    /// <summary>A pass on its way.</summary>
    /// <param name="Pass">The pass.</param>
    /// <param name="IsPrompt">A chunk of a prompt; else a decoding pass, whose sequences are in <see cref="_rows"/>.</param>
    /// <param name="Rows">Its rows.</param>
    /// <param name="Position">Position of the first one.</param>
    /// <param name="Reader">Whose prompt ends with it.</param>
    private readonly record struct Flight(Pass Pass, bool IsPrompt, int Rows, int Position, Sequence? Reader);
}
