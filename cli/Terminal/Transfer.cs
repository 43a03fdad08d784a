namespace Gemma2.Cli.Terminal;

/// <summary>Copies what is long, and tells how far it is.</summary>
internal static class Transfer
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Copies a stream to its end.</summary>
    /// <param name="from">Read to its end.</param>
    /// <param name="to">Written.</param>
    /// <param name="copied">Told of all bytes copied so far; may be null.</param>
    /// <param name="cancellationToken">Ends the copy.</param>
    public static async Task CopyAsync(Stream from, Stream to, IProgress<long>? copied, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferBytes];
        long done = 0;
        for (int count; (count = await from.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            await to.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            copied?.Report(done += count);
        }
    }
}
