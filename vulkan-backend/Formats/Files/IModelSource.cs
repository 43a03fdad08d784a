namespace Gemma2.Backend.Formats.Files;

/// <summary>Where a model's files come from: a folder, blob storage. The loader knows nothing else of them.</summary>
public interface IModelSource
{
    /// <summary>The model's name, for messages and for <c>GET /v1/models</c>.</summary>
    string Name { get; }

    /// <summary>The model's files: plain names (no folders) and their lengths in bytes.</summary>
    /// <exception cref="ModelException">The model does not exist or its manifest is not usable.</exception>
    ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Opens one file.</summary>
    /// <exception cref="ModelException">The file does not exist, or is not as listed; the message names it.</exception>
    ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken);
}
