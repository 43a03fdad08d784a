using System.Collections.Concurrent;
using Gemma2.Backend;
using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Hub;

/// <summary>A model on the hub, read while it comes and kept nowhere.</summary>
/// <param name="name">The repository's name without its owner.</param>
/// <param name="files">The model's files.</param>
internal sealed class HubModelSource(string name, IReadOnlyList<HubFile> files) : IModelSource
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<string, long>> ListAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyDictionary<string, long>>(files.ToDictionary(file => file.Name, file => file.Length, StringComparer.Ordinal));

    /// <inheritdoc/>
    public ValueTask<IModelFile> OpenAsync(string file, CancellationToken cancellationToken) => files.FirstOrDefault(other => other.Name == file) is { } found
        ? ValueTask.FromResult<IModelFile>(new CheckedFile(found))
        : throw new ModelException($"{name}: has no {file}.");

    /// <summary>Hashes the file in the order of its bytes, whichever come first; the read that brings the last of them throws where the hash is another.</summary>
    private sealed class CheckedFile(HubFile file) : IModelFile
    {
        private readonly ContentHasher _hasher = new(file.Label, file.Length, file.Hash);
        private readonly ConcurrentDictionary<long, TaskCompletionSource<int>> _turns = new() { [0] = First() };

        public long Length => file.Length;

        public int BlockBytes => SourceFile.BlockBytes;

        public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            TaskCompletionSource<int> next = TurnAt(offset + buffer.Length);
            try
            {
                await file.ReadAsync(offset, buffer, cancellationToken);
                int turn = await TurnAt(offset).Task.WaitAsync(cancellationToken);
                await _hasher.AddAsync(turn, buffer, null, cancellationToken);
                if (offset + buffer.Length == Length) _hasher.Finish(file.Name);
                next.TrySetResult(turn + 1);
            }
            catch (Exception error)
            {
                next.TrySetException(error);
                throw;
            }
        }

        public ValueTask DisposeAsync()
        {
            _hasher.Dispose();
            return ValueTask.CompletedTask;
        }

        private TaskCompletionSource<int> TurnAt(long offset) => _turns.GetOrAdd(offset, _ => new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously));

        private static TaskCompletionSource<int> First()
        {
            var first = new TaskCompletionSource<int>();
            first.SetResult(0);
            return first;
        }
    }
}
