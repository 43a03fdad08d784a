namespace Gemma2.Backend.Pipelines;

/// <summary>Where processes on different machines keep compiled pipelines for each other: one archive for each key.</summary>
public interface IPipelineStore
{
    /// <summary>Reads an archive; null where there is none.</summary>
    /// <param name="key">Letters, digits, '-' and '.'.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task<StoredPipelines?> TryReadAsync(string key, CancellationToken cancellationToken);

    /// <summary>Writes an archive, in place of the one that was read or, where none was, if there is none.</summary>
    /// <param name="key">As it was read.</param>
    /// <param name="archive">The archive.</param>
    /// <param name="replaced">Version of the archive that it replaces; null where there was none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False where another process was faster: its archive stays.</returns>
    Task<bool> TryWriteAsync(string key, ReadOnlyMemory<byte> archive, string? replaced, CancellationToken cancellationToken);
}

/// <summary>An archive as it is stored.</summary>
/// <param name="Archive">The archive.</param>
/// <param name="Version">Names this version of it.</param>
public sealed record StoredPipelines(ReadOnlyMemory<byte> Archive, string Version);
