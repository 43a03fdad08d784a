using Microsoft.Win32.SafeHandles;

namespace Gemma2.Backend.Formats.Files;

/// <summary>A file on this machine.</summary>
/// <param name="handle">The open file.</param>
/// <param name="label">The model's and the file's name, for messages.</param>
internal sealed class LocalModelFile(SafeFileHandle handle, string label) : IModelFile
{
    /// <inheritdoc/>
    public long Length { get; } = RandomAccess.GetLength(handle);

    /// <inheritdoc/>
    public int BlockBytes => 1 << 20;

    /// <inheritdoc/>
    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            for (int count; !buffer.IsEmpty; offset += count, buffer = buffer[count..])
            {
                count = await RandomAccess.ReadAsync(handle, buffer, offset, cancellationToken).ConfigureAwait(false);
                if (count == 0) throw new ModelException($"{label}: became shorter while it was read.");
            }
        }
        catch (IOException error)
        {
            throw new ModelException($"{label}: cannot be read: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        handle.Dispose();
        return ValueTask.CompletedTask;
    }
}
