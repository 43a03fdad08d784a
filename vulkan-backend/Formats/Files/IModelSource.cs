namespace Gemma2.Backend.Formats.Files;

/// <summary>Where a model's files come from: a folder, blob storage. The loader knows nothing else of them.</summary>
public interface IModelSource
{
    /// <summary>The model's name, for messages and for <c>GET /v1/models</c>.</summary>
    string Name { get; }

    /// <summary>The model's files: plain names (no folders) and their lengths in bytes.</summary>
    /// <exception cref="ModelException">The model does not exist or its manifest is not usable.</exception>
    ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Opens one file for reading from its first byte to its last, once. A source that knows the file's hash checks it while the bytes pass:
    /// the read that reaches the end of a file with another hash throws.
    /// </summary>
    /// <exception cref="ModelException">The file does not exist, is shorter than listed, or its hash is wrong; the message names it.</exception>
    ValueTask<Stream> OpenAsync(string file, CancellationToken cancellationToken);
}
