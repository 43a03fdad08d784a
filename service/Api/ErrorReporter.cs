using Gemma2.Backend;
using Gemma2.Service.Lifetime;

namespace Gemma2.Service.Api;

/// <summary>Decides who learns what of a failure: the client, the log, and, where the device is lost, the process.</summary>
internal sealed class ErrorReporter(FatalStop fatalStop, ILogger<ErrorReporter> log)
{
    /// <summary>Logs what is the server's fault and gives the error that the client is told.</summary>
    public ApiError Report(Exception exception)
    {
        ApiError error = ApiError.FromException(exception);
        if (error.Status >= 500 && exception is not ApiException)
            log.LogError(exception is Gemma2Exception or OperationCanceledException ? null : exception, "Request failed: {Message}", exception.Message);
        if (exception is DeviceException)
            fatalStop.Stop(exception.Message);
        return error;
    }
}
