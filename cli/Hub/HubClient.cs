using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;

namespace Gemma2.Cli.Hub;

/// <summary>The hub over its plain HTTP API. What may pass is tried again; a call that brought something goes on where it was.</summary>
internal sealed class HubClient : IDisposable
{
    private const int LongestAnswer = 64 << 20;
    private const int MostRedirects = 5;

    private readonly HubSettings _settings;
    private readonly HubTuning _tuning;
    private readonly HttpClient _http;
    private readonly ResiliencePipeline _retry;

    /// <summary>Makes no call yet.</summary>
    public HubClient(HubSettings settings, HubTuning? tuning = null)
    {
        (_settings, _tuning) = (settings, tuning ?? new HubTuning());
        // Redirects are followed here: the token must not go to another host.
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = _tuning.ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("gemma2", null));
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        _retry = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = _tuning.MaxRetries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = _tuning.BaseDelay,
                MaxDelay = _tuning.MaxDelay,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is HubException { MayPass: true }),
                DelayGenerator = args => ValueTask.FromResult(args.Outcome.Exception is HubException { RetryAfter: { } wait } ? Clamp(wait) : null),
            })
            .Build();
    }

    /// <summary>Finds the commit that a revision is, and its files: all that follows is of that commit, whatever happens to the revision.</summary>
    /// <exception cref="HubException">There is no such repository or revision, it is not for everybody, or the hub does not answer.</exception>
    public async Task<HubRepository> GetAsync(HubReference reference, CancellationToken cancellationToken)
    {
        Uri uri = Address($"api/models/{reference.Repository}/revision/{Uri.EscapeDataString(reference.Revision)}?blobs=true");
        return await _retry.ExecuteAsync(async token =>
        {
            using var stall = new StallTimer(_tuning, token);
            return await RunAsync(reference.Label, stall, async () =>
            {
                (HttpResponseMessage answer, _) = await SendAsync(uri, null, reference.Label, stall.Token);
                using (answer)
                {
                    if (!answer.IsSuccessStatusCode) throw HubAnswers.Error(answer, _settings, reference, null);
                    return HubRepository.Parse(reference.Label, await ReadAllAsync(answer, reference.Label, stall));
                }
            });
        }, cancellationToken);
    }

    /// <summary>Fills the buffer with the bytes of a file that begin at the offset.</summary>
    /// <exception cref="HubException">The hub does not give them.</exception>
    public async ValueTask ReadAsync(HubFile file, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        for (int done = 0; done < buffer.Length;)
        {
            await _retry.ExecuteAsync(async token =>
            {
                int before = done;
                try
                {
                    await ReadRangeAsync(file, offset + done, buffer[done..], count => done += count, token);
                }
                // What was brought stays, and the rest is asked for at once: only calls that bring next to nothing are counted.
                catch (HubException e) when (e is { MayPass: true, RetryAfter: null } && done - before >= _tuning.LeastBytes)
                {
                }
            }, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>An address of the hub.</summary>
    public Uri Address(string path) => new($"{_settings.Endpoint.ToString().TrimEnd('/')}/{path}");

    private async Task ReadRangeAsync(HubFile file, long offset, Memory<byte> buffer, Action<int> brought, CancellationToken cancellationToken)
    {
        using var stall = new StallTimer(_tuning, cancellationToken);
        await RunAsync(file.Label, stall, async () =>
        {
            Uri? link = file.Link;
            (HttpResponseMessage answer, Uri answered) = await SendAsync(link ?? file.Address, new RangeHeaderValue(offset, offset + buffer.Length - 1), file.Label, stall.Token);
            using (answer)
            {
                CheckRange(file, answer, answered, offset, buffer.Length);
                if (!IsHub(answered)) file.Link = answered;
                await using Stream body = await answer.Content.ReadAsStreamAsync(stall.Token);
                while (!buffer.IsEmpty)
                {
                    int count = await body.ReadAsync(buffer, stall.Token);
                    if (count == 0) throw new HubException($"{file.Label}: the answer broke off.") { MayPass = true };
                    buffer = buffer[count..];
                    brought(count);
                    stall.Brought(count);
                }
                return true;
            }
        });
    }

    private void CheckRange(HubFile file, HttpResponseMessage answer, Uri answered, long offset, int length)
    {
        int status = (int)answer.StatusCode;
        if (status is 401 or 403 or 404 or 410 && !IsHub(answered) && !HubAnswers.IsHubs(answer))
        {
            // Links to the store are signed for a while. The hub gives new ones.
            file.Link = null;
            throw new HubException($"{file.Label}: the link to {answered.Host} that the hub gave is refused ({status}).") { MayPass = true, RetryAfter = TimeSpan.Zero };
        }
        if (status == 416) throw NotAsListed(file, "is shorter");
        if (status >= 400) throw HubAnswers.Error(answer, _settings, file.Reference, file.Path);
        if (status == 200 && offset == 0 && length == file.Length)
        {
            if (answer.Content.Headers.ContentLength is { } all && all != length) throw NotAsListed(file, $"has {all} bytes");
            return;
        }
        if (status != 206) throw new HubException($"{file.Label}: {answered.Host} answers {status} where a range was asked for.");
        ContentRangeHeaderValue? range = answer.Content.Headers.ContentRange;
        if (range?.Length is { } total && total != file.Length) throw NotAsListed(file, $"has {total} bytes");
        if (range?.From != offset || range.To != offset + length - 1)
            throw new HubException($"{file.Label}: {answered.Host} answers another range ('{range}') than bytes {offset}-{offset + length - 1}.") { MayPass = true };
    }

    private static HubException NotAsListed(HubFile file, string what) => new($"{file.Label} {what}, but the hub lists it with {file.Length}.");

    /// <summary>Sends a GET and follows redirects. The token goes to the hub alone.</summary>
    private async Task<(HttpResponseMessage Answer, Uri Answered)> SendAsync(Uri uri, RangeHeaderValue? range, string label, CancellationToken cancellationToken)
    {
        for (int hops = 0; ; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            request.Headers.Range = range;
            if (_settings.Token is { } token && IsHub(uri)) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (answer.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect
                or HttpStatusCode.PermanentRedirect)) return (answer, uri);
            using (answer)
            {
                Uri? next = answer.Headers.Location is { } location ? new Uri(uri, location) : null;
                if (next is null || next.Scheme is not ("https" or "http") || (uri.Scheme == "https" && next.Scheme != "https") || hops == MostRedirects)
                    throw new HubException($"{label}: {uri.Host} redirects to nowhere, or on and on.") { MayPass = true };
                uri = next;
            }
        }
    }

    /// <summary>Makes every failure of a call one of the hub's.</summary>
    private static async Task<T> RunAsync<T>(string label, StallTimer stall, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (OperationCanceledException e) when (!stall.IsCancelled)
        {
            string what = stall.Token.IsCancellationRequested ? "the hub brings nothing any more" : "no connection to the hub";
            throw new HubException($"{label}: {what}.", e) { MayPass = true };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new HubException($"{label}: {e.Message}", e) { MayPass = true };
        }
    }

    private static async Task<byte[]> ReadAllAsync(HttpResponseMessage answer, string label, StallTimer stall)
    {
        await using Stream body = await answer.Content.ReadAsStreamAsync(stall.Token);
        using var all = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = await body.ReadAsync(buffer, stall.Token)) > 0;)
        {
            if (all.Length + count > LongestAnswer) throw new HubException($"{label}: the hub's list of files is longer than {LongestAnswer} bytes.");
            all.Write(buffer, 0, count);
            stall.Brought(count);
        }
        return all.ToArray();
    }

    private bool IsHub(Uri uri) => Uri.Compare(uri, _settings.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private TimeSpan? Clamp(TimeSpan wait) => TimeSpan.FromTicks(Math.Clamp(wait.Ticks, 0, _tuning.LongestRetryAfter.Ticks));

    /// <summary>Ends a call that brings next to nothing for a while.</summary>
    private sealed class StallTimer : IDisposable
    {
        private readonly HubTuning _tuning;
        private readonly CancellationTokenSource _source;
        private readonly CancellationToken _outer;
        private int _brought;

        public StallTimer(HubTuning tuning, CancellationToken cancellationToken)
        {
            (_tuning, _outer) = (tuning, cancellationToken);
            _source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _source.CancelAfter(tuning.StallTimeout);
        }

        public CancellationToken Token => _source.Token;

        /// <summary>Whether somebody else ended the call.</summary>
        public bool IsCancelled => _outer.IsCancellationRequested;

        public void Brought(int bytes)
        {
            if ((_brought += bytes) < _tuning.LeastBytes) return;
            _brought = 0;
            _source.CancelAfter(_tuning.StallTimeout);
        }

        public void Dispose() => _source.Dispose();
    }
}
