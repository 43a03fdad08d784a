using System.Collections.Concurrent;
using System.Threading.Channels;
using Gemma2.PlayedHost.Protocol;
using Grpc.Core;

namespace Gemma2.PlayedHost.Workers;

/// <summary>What host and worker say to one another on the worker's stream.</summary>
/// <param name="log">Takes the lines that the worker logs through the host.</param>
internal sealed class WorkerConnection(Action<string> log)
{
    private readonly Channel<StreamingMessage> _toWorker = Channel.CreateUnbounded<StreamingMessage>();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> _asked = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile WorkerException? _failure;

    /// <summary>Completes when the worker has opened its stream, or has failed before.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Carries messages both ways until the worker is gone.</summary>
    public async Task RunAsync(IAsyncStreamReader<StreamingMessage> fromWorker, IServerStreamWriter<StreamingMessage> toWorker, CancellationToken gone)
    {
        _opened.TrySetResult();
        Task writing = WriteAsync(toWorker, gone);
        try
        {
            while (await fromWorker.MoveNext(gone)) Receive(fromWorker.Current);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The worker's process has ended.
        }
        _toWorker.Writer.TryComplete();
        await writing;
    }

    /// <summary>Sends what has no answer.</summary>
    public void Send(StreamingMessage message) => _toWorker.Writer.TryWrite(message);

    /// <summary>Sends a message and waits for its answer.</summary>
    /// <param name="message">The message.</param>
    /// <param name="id">What the answer is known by.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="WorkerException">The worker has failed before it answered.</exception>
    public async Task<StreamingMessage> AskAsync(StreamingMessage message, string id, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<StreamingMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[id] = answer;
        // Failing either sees this question or is seen here.
        if (_failure is { } failure) answer.TrySetException(failure);
        Send(message);
        return await answer.Task.WaitAsync(cancellationToken);
    }

    /// <summary>The worker has failed: nothing will be answered any more.</summary>
    public void Fail(WorkerException failure)
    {
        _failure = failure;
        _opened.TrySetException(failure);
        foreach (TaskCompletionSource<StreamingMessage> answer in _asked.Values) answer.TrySetException(failure);
    }

    private async Task WriteAsync(IServerStreamWriter<StreamingMessage> toWorker, CancellationToken gone)
    {
        try
        {
            await foreach (StreamingMessage message in _toWorker.Reader.ReadAllAsync(gone)) await toWorker.WriteAsync(message, gone);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The worker's process has ended.
        }
    }

    private void Receive(StreamingMessage message)
    {
        if (message.RpcLog is { } line)
        {
            // What the worker's own libraries log does not show in a host's console.
            if (line.LogCategory == RpcLog.Types.Category.User && line.Level >= RpcLog.Types.Level.Information) log($"{line.Level}: {line.Category}: {line.Message}");
            return;
        }
        string id = message.InvocationResponse?.InvocationId ?? message.FunctionLoadResponse?.FunctionId ?? message.RequestId;
        if (_asked.TryRemove(id, out TaskCompletionSource<StreamingMessage>? answer)) answer.TrySetResult(message);
    }
}
