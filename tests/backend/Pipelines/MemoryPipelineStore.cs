using Gemma2.Backend.Pipelines;

namespace Gemma2.Backend.Tests.Pipelines;

/// <summary>Archives in memory, with the rules of a store; tests change them.</summary>
internal sealed class MemoryPipelineStore : IPipelineStore
{
    private int _version;

    public Dictionary<string, StoredPipelines> Archives { get; } = [];

    /// <summary>What a read does first; null does nothing.</summary>
    public Func<CancellationToken, Task>? BeforeRead { get; init; }

    public int Reads { get; private set; }

    public async Task<StoredPipelines?> TryReadAsync(string key, CancellationToken cancellationToken)
    {
        Reads++;
        if (BeforeRead is not null) await BeforeRead(cancellationToken);
        return Archives.GetValueOrDefault(key);
    }

    public Task<bool> TryWriteAsync(string key, ReadOnlyMemory<byte> archive, string? replaced, CancellationToken cancellationToken)
    {
        if (Archives.GetValueOrDefault(key)?.Version != replaced) return Task.FromResult(false);
        Archives[key] = new StoredPipelines(archive, $"{++_version}");
        return Task.FromResult(true);
    }
}
