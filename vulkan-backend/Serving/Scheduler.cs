using System.Collections.Concurrent;
using Gemma2.Backend.Model;

namespace Gemma2.Backend.Serving;

/// <summary>
/// Decides whose turn it is: running sequences take turns, one pass each, so that none waits for another's end; waiting ones are let in,
/// in order, as KV caches become free. Each pass holds one sequence, so an answer does not depend on what else is running.
/// </summary>
internal sealed class Scheduler(ForwardPass forward, IEnumerable<KvCache> caches)
{
    private readonly ConcurrentQueue<Sequence> _waiting = new();
    private readonly Stack<KvCache> _free = new(caches);
    private readonly Queue<Sequence> _running = new();

    /// <summary>Puts a sequence in line. From any thread.</summary>
    public void Add(Sequence sequence) => _waiting.Enqueue(sequence);

    /// <summary>Runs one pass of one sequence.</summary>
    /// <returns>False when there was nothing to do.</returns>
    /// <exception cref="DeviceException">The device failed: no sequence can go on, see <see cref="FailAll"/>.</exception>
    public bool RunOne()
    {
        Admit();
        if (!_running.TryDequeue(out Sequence? sequence)) return false;
        try
        {
            if (!sequence.IsAbandoned && RunPass(sequence))
                _running.Enqueue(sequence);
            else
                End(sequence, null);
        }
        catch (GenerationException e)
        {
            End(sequence, e);
        }
        catch (Exception e)
        {
            End(sequence, e);
            throw;
        }
        return true;
    }

    /// <summary>Ends every sequence, running or waiting.</summary>
    public void FailAll(Exception error)
    {
        while (_running.TryDequeue(out Sequence? sequence)) End(sequence, error);
        while (_waiting.TryDequeue(out Sequence? sequence)) sequence.Complete(error);
    }

    private void Admit()
    {
        while (_free.Count > 0 && _waiting.TryDequeue(out Sequence? sequence))
        {
            sequence.Cache = _free.Pop();
            _running.Enqueue(sequence);
        }
    }

    private bool RunPass(Sequence sequence) =>
        sequence.Advance(forward.Run(sequence.NextTokens, sequence.Position, sequence.Cache!, sequence.NextPassNeedsLogits));

    private void End(Sequence sequence, Exception? error)
    {
        _free.Push(sequence.Cache!);
        sequence.Cache = null;
        sequence.Complete(error);
    }
}
