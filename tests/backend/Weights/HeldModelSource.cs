using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>A model whose reads are held back until a test lets them go, in whatever order it likes.</summary>
internal sealed class HeldModelSource(IModelSource model) : IModelSource
{
    private readonly Lock _lock = new();
    private readonly List<HeldRead> _held = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isHolding;
    private long _bytes;

    public string Name => model.Name;

    /// <summary>Most bytes that were asked for at once while reads were held.</summary>
    public long MostBytes { get; private set; }

    /// <summary>Reads that were asked for while reads were held.</summary>
    public int Asked { get; private set; }

    /// <summary>Files that were closed while they were read.</summary>
    public int ClosedUnderReads { get; private set; }

    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) => model.ListAsync(cancellationToken);

    public async ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken) => new HeldFile(this, await model.OpenAsync(file, cancellationToken));

    /// <summary>Holds reads from now on; those before were the headers'.</summary>
    public void Hold()
    {
        lock (_lock) _isHolding = true;
    }

    /// <summary>Lets all reads go, and those that come.</summary>
    public void LetAllGo()
    {
        lock (_lock)
        {
            _isHolding = false;
            foreach (HeldRead read in _held) read.Go.SetResult();
            _held.Clear();
        }
    }

    /// <summary>Lets one of the held reads go.</summary>
    /// <param name="choose">Picks one by what number it has of so many, in the order of their offsets.</param>
    public void LetGo(Func<int, int> choose)
    {
        lock (_lock)
        {
            HeldRead read = _held.OrderBy(read => read.Offset).ElementAt(choose(_held.Count));
            _held.Remove(read);
            read.Go.SetResult();
        }
    }

    /// <summary>Waits until so many reads are held.</summary>
    /// <returns>False where something else ended before.</returns>
    public async Task<bool> HoldsAsync(int count, Task? unless = null)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_held.Count >= count) return true;
                changed = _changed.Task;
            }
            if (await Task.WhenAny(changed, unless ?? Task.Delay(TimeSpan.FromSeconds(30))) != changed) return false;
        }
    }

    private async Task WaitAsync(long offset, int bytes)
    {
        HeldRead read = new(offset, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            if (!_isHolding) return;
            Asked++;
            _bytes += bytes;
            MostBytes = Math.Max(MostBytes, _bytes);
            _held.Add(read);
            _changed.SetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        await read.Go.Task;
        lock (_lock) _bytes -= bytes;
    }

    private sealed record HeldRead(long Offset, TaskCompletionSource Go);

    private sealed class HeldFile(HeldModelSource source, IModelFile file) : IModelFile
    {
        private int _reads;

        public long Length => file.Length;

        public int BlockBytes => file.BlockBytes;

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _reads);
            try
            {
                await source.WaitAsync(offset, buffer.Length);
                // Takes its time also where nobody waits any more.
                await file.ReadAsync(offset, buffer, CancellationToken.None);
            }
            finally
            {
                Interlocked.Decrement(ref _reads);
            }
        }

        public ValueTask DisposeAsync()
        {
            if (Volatile.Read(ref _reads) > 0) source.ClosedUnderReads++;
            return file.DisposeAsync();
        }
    }
}
