using System.Globalization;
using Azure;
using Azure.Identity;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Gemma2.Storage;

/// <summary>
/// Every call to one of storage's services goes through here: a timeout for each try, a circuit breaker, retries of what may pass by itself, and one kind
/// of exception. The client library's own retries are off (they would multiply with these).
/// </summary>
internal sealed class StoragePipeline
{
    private readonly StorageRetryOptions _options;
    private readonly ResiliencePipeline _pipeline;

    public StoragePipeline(StorageTuning tuning)
    {
        StorageRetryOptions options = _options = tuning.Retry;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = tuning.Time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.MaxRetries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.BaseDelay,
                MaxDelay = options.MaxDelay,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && IsTransient(e)),
                DelayGenerator = args => ValueTask.FromResult(RetryAfter(args.Outcome.Exception)),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                SamplingDuration = tuning.Breaker.Window,
                FailureRatio = tuning.Breaker.FailureRatio,
                MinimumThroughput = tuning.Breaker.MinimumTries,
                BreakDuration = tuning.Breaker.BreakDuration,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && IsTransient(e)),
            })
            .AddTimeout(options.TryTimeout)
            .Build();
    }

    /// <summary>Runs a call.</summary>
    /// <param name="what">What the call does, for messages: "Reading blob models/nano/config.json".</param>
    /// <param name="call">One try.</param>
    /// <param name="cancellationToken">Ends the try in flight and the waits between tries.</param>
    /// <exception cref="StorageException">The service said no, or did not answer in any try.</exception>
    public async Task<T> RunAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await _pipeline.ExecuteAsync(async token => await call(token), cancellationToken);
        }
        catch (RequestFailedException e)
        {
            throw new StorageException($"{what} failed: {Reason(e)}", e.Status, e.ErrorCode, e);
        }
        catch (TimeoutRejectedException e)
        {
            throw new StorageException($"{what} failed: no answer within {_options.TryTimeout.TotalSeconds} s, {_options.MaxRetries + 1} times.", inner: e);
        }
        catch (OperationCanceledException e) when (IsConnectTimeout(e))
        {
            throw new StorageException($"{what} failed: no connection within {_options.ConnectTimeout.TotalSeconds} s, {_options.MaxRetries + 1} times.", inner: e);
        }
        catch (BrokenCircuitException e)
        {
            throw new StorageException($"{what} failed: the service has been failing most calls, and is left alone for some seconds.", inner: e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or AuthenticationFailedException)
        {
            throw new StorageException($"{what} failed: {FirstLine(e)}", inner: e);
        }
    }

    private static bool IsTransient(Exception exception) => exception switch
    {
        RequestFailedException e => e.Status is 0 or 408 or 429 or >= 500,
        _ => exception is IOException or HttpRequestException or TimeoutRejectedException or BrokenCircuitException || IsConnectTimeout(exception),
    };

    /// <summary>As <see cref="SocketsHttpHandler.ConnectTimeout"/> shows itself: nobody has cancelled anything.</summary>
    private static bool IsConnectTimeout(Exception exception) => exception is OperationCanceledException { InnerException: TimeoutException };

    /// <summary>How long the service asks to wait: null when it does not say, which leaves the wait to the backoff.</summary>
    private TimeSpan? RetryAfter(Exception? exception)
    {
        TimeSpan? wait = exception switch
        {
            BrokenCircuitException e => e.RetryAfter,
            RequestFailedException e => RetryAfter(e.GetRawResponse()),
            _ => null,
        };
        return wait is { } given ? TimeSpan.FromTicks(Math.Clamp(given.Ticks, 0, _options.MaxDelay.Ticks)) : null;
    }

    private static TimeSpan? RetryAfter(Response? response)
    {
        if (response?.Headers.TryGetValue("Retry-After", out string? value) != true) return null;
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)) return TimeSpan.FromSeconds(seconds);
        // A date is one of the service's clock, as the answer's own is.
        return DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, out DateTimeOffset until)
            ? until - (response.Headers.Date ?? DateTimeOffset.UtcNow)
            : null;
    }

    private static string Reason(RequestFailedException e) => e.Status == 0 ? FirstLine(e.GetBaseException()) : $"{e.Status} {e.ErrorCode ?? FirstLine(e)}";

    private static string FirstLine(Exception e) => e.Message.Split('\n', 2)[0].TrimEnd();
}
