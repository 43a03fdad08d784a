using System.Runtime.InteropServices;

namespace Gemma2.Cli.Chat;

/// <summary>Ctrl+C while the model answers ends the answer; at any other time it ends the program, as it does everywhere.</summary>
internal sealed class ChatInterrupt : IDisposable
{
    private readonly Lock _lock = new();
    private readonly PosixSignalRegistration _signal;
    private CancellationTokenSource? _answer;

    /// <summary>Begins to listen.</summary>
    public ChatInterrupt() => _signal = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
    {
        lock (_lock)
        {
            context.Cancel = _answer is not null;
            _answer?.Cancel();
        }
    });

    /// <summary>Runs something that Ctrl+C ends.</summary>
    /// <returns>False when it was ended.</returns>
    public async Task<bool> RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var answer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Set(answer);
        try
        {
            await work(answer.Token);
            return true;
        }
        catch (OperationCanceledException) when (answer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            Set(null);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private void Set(CancellationTokenSource? answer)
    {
        lock (_lock) _answer = answer;
    }
}
