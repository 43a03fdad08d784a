using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Tests.Weights;

/// <summary>A model whose files are byte arrays. Reads complete at once, and what was opened, read to its end and closed is counted.</summary>
internal sealed class MemoryModelSource : IModelSource
{
    public MemoryModelSource(params ReadOnlySpan<(string Name, byte[] Bytes)> files)
    {
        foreach ((string name, byte[] bytes) in files) Files.Add(name, bytes);
    }

    /// <summary>Copies a folder.</summary>
    public static MemoryModelSource Of(string folder) => new([.. Directory.GetFiles(folder).Select(file => (Path.GetFileName(file), File.ReadAllBytes(file)))]);

    public string Name => "memory";

    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>Lengths that are listed in place of the true ones.</summary>
    public Dictionary<string, long> ListedLengths { get; } = [];

    /// <summary>Small, so that rows lie across blocks.</summary>
    public int BlockBytes { get; init; } = 1000;

    /// <summary>Thrown by the read of a file's last byte, as a source does that finds a wrong hash.</summary>
    public Exception? FailAtEnd { get; init; }

    public List<string> Opened { get; } = [];

    public List<string> ReadToEnd { get; } = [];

    public List<string> Closed { get; } = [];

    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, long> lengths = Files.ToDictionary(file => file.Key, file => (long)file.Value.Length);
        foreach ((string file, long length) in ListedLengths) lengths[file] = length;
        return ValueTask.FromResult<IReadOnlyDictionary<string, long>>(lengths);
    }

    public ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken)
    {
        Opened.Add(file);
        return ValueTask.FromResult<IModelFile>(new WatchedFile(this, file));
    }

    private sealed class WatchedFile(MemoryModelSource source, string file) : IModelFile
    {
        private readonly byte[] _bytes = source.Files[file];

        public long Length => _bytes.Length;

        public int BlockBytes => source.BlockBytes;

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            _bytes.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
            if (offset + buffer.Length < Length) return ValueTask.CompletedTask;
            lock (source.ReadToEnd) source.ReadToEnd.Add(file);
            return source.FailAtEnd is null || file is "config.json" ? ValueTask.CompletedTask : throw source.FailAtEnd;
        }

        public ValueTask DisposeAsync()
        {
            source.Closed.Add(file);
            return ValueTask.CompletedTask;
        }
    }
}
