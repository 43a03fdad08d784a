using Gemma2.Backend.Formats.Files;

namespace Gemma2.Storage.Models;

/// <summary>A file of a model in storage, whose blocks are checked as they are read.</summary>
internal sealed class StoredFile(string label, ModelFile file, IModelFile opened) : SourceFile(file.Name, file.Size, ContentHash.Sha256(file.Sha256))
{
    /// <inheritdoc/>
    public override string Label => label;

    /// <summary>Only whole blocks can be checked.</summary>
    public override int UnitBytes => opened.BlockBytes;

    /// <inheritdoc/>
    public override ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => opened.ReadAsync(offset, buffer, cancellationToken);

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await opened.DisposeAsync();
        await base.DisposeAsync();
    }
}
