namespace Gemma2.Grammars;

/// <summary>
/// Compiled grammars by their source. Those used last are kept while there is room. Callers that ask for one source at one time wait for one compilation; one that fails is not kept.
/// May be used from any thread.
/// </summary>
public sealed class GrammarCache
{
    // Grammars, and the expressions, nodes and states of all of them, a few hundred bytes each.
    private const int MostGrammars = 256;
    private const long MostSize = 1_000_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<GrammarSource, LinkedListNode<Entry>> _bySource = [];
    private readonly LinkedList<Entry> _byUse = [];

    /// <summary>How many grammars it holds.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _bySource.Count;
        }
    }

    /// <summary>The grammar of a source, compiled unless it is there.</summary>
    /// <exception cref="GrammarException">The source cannot be compiled.</exception>
    public Grammar Find(GrammarSource source)
    {
        Entry entry = FindEntry(source);
        try
        {
            return entry.Grammar.Value;
        }
        catch (GrammarException)
        {
            Remove(entry);
            throw;
        }
    }

    private Entry FindEntry(GrammarSource source)
    {
        lock (_lock)
        {
            if (_bySource.TryGetValue(source, out LinkedListNode<Entry>? node)) _byUse.Remove(node);
            else _bySource.Add(source, node = new(new(source, new(() => Grammar.Compile(source)))));
            _byUse.AddFirst(node);
            MakeRoom();
            return node.Value;
        }
    }

    private void MakeRoom()
    {
        long size = 0;
        int count = 0;
        for (LinkedListNode<Entry>? node = _byUse.First, next; node is not null; node = next)
        {
            next = node.Next;
            size += node.Value.Size;
            count++;
            if (node == _byUse.First || (count <= MostGrammars && size <= MostSize)) continue;
            _byUse.Remove(node);
            _bySource.Remove(node.Value.Source);
        }
    }

    private void Remove(Entry entry)
    {
        lock (_lock)
        {
            if (!_bySource.TryGetValue(entry.Source, out LinkedListNode<Entry>? node) || node.Value != entry) return;
            _byUse.Remove(node);
            _bySource.Remove(entry.Source);
        }
    }

    private sealed record Entry(GrammarSource Source, Lazy<Grammar> Grammar)
    {
        public long Size => Grammar.IsValueCreated ? Grammar.Value.Size : 0;
    }
}
