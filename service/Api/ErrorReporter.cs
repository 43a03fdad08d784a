using Gemma2.Backend;
using Gemma2.Service.Lifetime;

namespace Gemma2.Service.Api;

/// <summary>Decides who learns what of a failure: the client, the log, and, where the device is lost, the process.</summary>
internal sealed class ErrorReporter(FatalStop fatalStop, ILogger<ErrorReporter> log)
{
    /// <summary>Logs what is the server's fault and gives the error that the client is told.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="requestId">The request that failed, as its client knows it; null for work that no client waits for.</param>
    public ApiError Report(Exception exception, string? requestId = null)
    {
        ApiError error = ApiError.FromException(exception);
        if (error.Status >= 500 && exception is not ApiException)
            Log(exception is Gemma2Exception or OperationCanceledException ? null : exception, exception.Message, requestId);
        if (exception is DeviceException)
            fatalStop.Stop(exception.Message);
        return error;
    }

    private void Log(Exception? stack, string message, string? requestId)
    {
        if (requestId is null)
            log.LogError(stack, "Request failed: {Message}", message);
        else
            log.LogError(stack, "Request {RequestId} failed: {Message}", requestId, message);
    }
}
