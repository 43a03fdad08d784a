using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Xml;
using Azure;
using Azure.Identity;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Gemma2.Storage;

/// <summary>
/// Every call to one of storage's services goes through here: a timeout for each try, a circuit breaker, retries of what may pass by itself for as long as
/// the caller is patient, and one kind of exception. The client library's own retries are off (they would multiply with these).
/// </summary>
internal sealed class StoragePipeline
{
    // A transfer that is slower fails: a bad line is not that bad.
    private const double SlowestBytesPerSecond = 256 << 10;

    private static readonly ResiliencePropertyKey<Budget> BudgetKey = new(nameof(Budget));

    private readonly StorageRetryOptions _options;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _pipeline;

    public StoragePipeline(StorageTuning tuning)
    {
        StorageRetryOptions options = _options = tuning.Retry;
        _time = tuning.Time;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = tuning.Time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.MaxRetries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.BaseDelay,
                MaxDelay = options.MaxDelay,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && IsTransient(e) && BudgetOf(args.Context).Left > TimeSpan.Zero),
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
            .AddTimeout(new TimeoutStrategyOptions { TimeoutGenerator = args => ValueTask.FromResult(BudgetOf(args.Context).NextTry()) })
            .Build();
    }

    /// <summary>Runs a call that moves little.</summary>
    /// <param name="what">What the call does, for messages: "Reading blob models/nano/config.json".</param>
    /// <param name="call">One try.</param>
    /// <param name="cancellationToken">Ends the try in flight and the waits between tries.</param>
    /// <exception cref="StorageException">The service said no, or did not answer in any try.</exception>
    public Task<T> RunAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        RunAsync(what, _options.TryTimeout, call, cancellationToken);

    /// <summary>Runs a call that moves many bytes, which takes its time.</summary>
    /// <param name="what">What the call does.</param>
    /// <param name="bytes">How many it moves, those included that move beside them.</param>
    /// <param name="call">One try.</param>
    /// <param name="cancellationToken">Ends the try in flight and the waits between tries.</param>
    /// <exception cref="StorageException">The service said no, or did not answer in any try.</exception>
    public Task<T> TransferAsync<T>(string what, long bytes, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        RunAsync(what, _options.TryTimeout + TimeSpan.FromSeconds(bytes / SlowestBytesPerSecond), call, cancellationToken);

    private async Task<T> RunAsync<T>(string what, TimeSpan tryTimeout, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        var budget = new Budget(_time, StoragePatience.Of(_options), tryTimeout);
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(BudgetKey, budget);
        try
        {
            return await _pipeline.ExecuteAsync(async context => await TryAsync(call, context.CancellationToken), context);
        }
        catch (RequestFailedException e)
        {
            throw new StorageException($"{what} failed: {Reason(e)}", e.Status, e.ErrorCode, e) { IsOutage = IsTransient(e) };
        }
        catch (TimeoutRejectedException e)
        {
            throw new StorageException($"{what} failed: no answer within {e.Timeout.TotalSeconds:0.##} s{Tries(budget)}.", inner: e) { IsOutage = true };
        }
        catch (OperationCanceledException e) when (IsConnectTimeout(e))
        {
            throw new StorageException($"{what} failed: no connection within {_options.ConnectTimeout.TotalSeconds} s{Tries(budget)}.", inner: e) { IsOutage = true };
        }
        catch (BrokenCircuitException e)
        {
            throw new StorageException($"{what} failed: the service has been failing most calls, and is left alone for some seconds.", inner: e) { IsOutage = true };
        }
        catch (Exception e) when (e is IOException or HttpRequestException or XmlException or StorageAnswerException)
        {
            throw new StorageException($"{what} failed: {FirstLine(e)}", inner: e) { IsOutage = true };
        }
        catch (AuthenticationFailedException e)
        {
            throw new StorageException($"{what} failed: {FirstLine(e)}", inner: e);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private static async Task<T> TryAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(cancellationToken);
        }
        // How the client library tells that a body broke off, and that it broke off again when it asked for the rest.
        catch (AggregateException e) when (e.InnerExceptions.Count > 0)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[^1]);
            throw;
        }
    }

    private static Budget BudgetOf(ResilienceContext context) => context.Properties.GetValue(BudgetKey, null!);

    private static bool IsTransient(Exception exception) => exception switch
    {
        RequestFailedException e => e.Status is 0 or 408 or 429 or >= 500,
        // XML that cannot be read is an answer that was cut, or is none of storage's.
        _ => exception is IOException or HttpRequestException or XmlException or StorageAnswerException or TimeoutRejectedException or BrokenCircuitException || IsConnectTimeout(exception),
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
        return wait is { } given ? TimeSpan.FromTicks(Math.Clamp(given.Ticks, 0, _options.LongestRetryAfter.Ticks)) : null;
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

    private static string Tries(Budget budget) => budget.Tries > 1 ? $", the last of {budget.Tries} tries" : "";

    private static string Reason(RequestFailedException e) => e.Status == 0 ? FirstLine(e.GetBaseException()) : $"{e.Status} {e.ErrorCode ?? FirstLine(e)}";

    private static string FirstLine(Exception e) => e.Message.Split('\n', 2)[0].TrimEnd();

    /// <summary>The time of one call.</summary>
    private sealed class Budget(TimeProvider time, TimeSpan patience, TimeSpan tryTimeout)
    {
        // So much the last try gets, however long the wait before it was.
        private static readonly TimeSpan ShortestTry = TimeSpan.FromSeconds(1);

        private readonly long _start = time.GetTimestamp();
        private readonly TimeSpan _whole = patience > tryTimeout ? patience : tryTimeout;

        /// <summary>How many tries were begun.</summary>
        public int Tries { get; private set; }

        /// <summary>How much time is left; none where there is no sense in another try.</summary>
        public TimeSpan Left => _whole - time.GetElapsedTime(_start);

        /// <summary>How long the try may take that begins now.</summary>
        public TimeSpan NextTry()
        {
            Tries++;
            TimeSpan left = Left > ShortestTry ? Left : ShortestTry;
            return left < tryTimeout ? left : tryTimeout;
        }
    }
}
