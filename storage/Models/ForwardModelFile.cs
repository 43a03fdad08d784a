using System.Collections.Concurrent;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Storage.Models;

/// <summary>A file that comes as a stream: its blocks are given in their order, whoever asks first.</summary>
/// <param name="stream">The file from its first byte on.</param>
/// <param name="length">Its length in bytes.</param>
/// <param name="blockBytes">See <see cref="IModelFile.BlockBytes"/>.</param>
internal sealed class ForwardModelFile(Stream stream, long length, int blockBytes) : IModelFile
{
    private readonly ConcurrentDictionary<long, TaskCompletionSource> _turns = new() { [0] = Given() };

    public long Length => length;

    public int BlockBytes => blockBytes;

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await TurnOf(offset).Task.WaitAsync(cancellationToken);
        TaskCompletionSource next = TurnOf(offset + buffer.Length);
        try
        {
            await stream.ReadExactlyAsync(buffer, cancellationToken);
            next.TrySetResult();
        }
        catch (Exception error)
        {
            next.TrySetException(error);
            throw;
        }
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private TaskCompletionSource TurnOf(long offset) => _turns.GetOrAdd(offset, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    private static TaskCompletionSource Given()
    {
        var turn = new TaskCompletionSource();
        turn.SetResult();
        return turn;
    }
}
