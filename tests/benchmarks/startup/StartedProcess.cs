using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gemma2.Backend.Startup;

namespace Gemma2.Benchmarks.Startup;

/// <summary>A process on its way to the first token, timed from outside.</summary>
internal sealed class StartedProcess : IAsyncDisposable
{
    private const string Listening = "Now listening on: ";
    private const int MostTries = 120_000;

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(5);

    private readonly Way _way;
    private readonly Process _process;
    private readonly long _begin;
    private HttpClient? _client;

    private StartedProcess(Way way, Process process, long begin)
    {
        (_way, _process, _begin) = (way, process, begin);
        // Also when this program is told to end.
        AppDomain.CurrentDomain.ProcessExit += Kill;
    }

    /// <summary>Seconds since it was started.</summary>
    public double Seconds => Stopwatch.GetElapsedTime(_begin).TotalSeconds;

    /// <summary>Starts it.</summary>
    public static StartedProcess Start(Way way)
    {
        // A group of its own, so that a host's worker ends with it.
        var start = new ProcessStartInfo("setsid", [way.Program, .. way.Arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetDirectoryName(way.Program)!,
        };
        foreach ((string name, string value) in way.Environment) start.Environment[name] = value;
        long begin = Stopwatch.GetTimestamp();
        return new StartedProcess(way, Process.Start(start)!, begin);
    }

    /// <summary>Waits for the first token, which is asked for all the time.</summary>
    /// <returns>Seconds from the process's start.</returns>
    public async Task<double> FirstTokenAsync()
    {
        if (_way.ServedModel is not null)
        {
            await ListeningAsync();
            return await StreamAsync(tokens: 1, number: 0);
        }
        await LineAsync(OneToken.Sign);
        return Seconds;
    }

    /// <summary>Sends requests at once, each with a prompt of its own.</summary>
    /// <param name="requests">How many.</param>
    /// <param name="tokens">Tokens of each answer.</param>
    /// <param name="number">Sets the prompts apart from those of other calls.</param>
    /// <returns>Seconds until all are answered.</returns>
    public async Task<double> SendAtOnceAsync(int requests, int tokens, int number)
    {
        long begin = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, requests).Select(i => StreamAsync(tokens, (number * requests) + i)));
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    /// <summary>Waits until the app is ready, without asking for a token.</summary>
    public async Task ReadyAsync()
    {
        await ListeningAsync();
        for (int tries = 0; tries < MostTries; tries++)
        {
            if (await StatusAsync("healthz") == HttpStatusCode.OK) return;
            await WaitAsync();
        }
    }

    /// <summary>Most memory that it had resident; under a host that of host and app together.</summary>
    public long PeakBytes() => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(IsOfThis).Sum(id => PeakBytes(id!));

    /// <summary>The app's device memory; null of others.</summary>
    public async Task<long?> DeviceBytesAsync()
    {
        const string name = "gemma2_device_memory_bytes";
        if (_client is null) return null;
        string? line = (await _client.GetStringAsync("metrics")).Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line is null ? null : (long)double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
    }

    /// <summary>The app's own timeline; null of others.</summary>
    public async Task<StartupReport?> TimelineAsync()
    {
        if (_client is null) return null;
        using JsonDocument starts = JsonDocument.Parse(await _client.GetStringAsync("startup"));
        return StartupJson.Read(starts.RootElement.GetProperty("data")[0], "the app");
    }

    /// <summary>Ends it, and all that it started.</summary>
    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        AppDomain.CurrentDomain.ProcessExit -= Kill;
        Kill(this, EventArgs.Empty);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    // setsid becomes the program itself, and its id is that of the session. proc(5): the name, in brackets, may hold blanks; then come state, parent, group and session.
    private bool IsOfThis(string? id)
    {
        try
        {
            return int.TryParse(id, out _) && File.ReadAllText($"/proc/{id}/stat").Split(") ")[^1].Split(' ')[3] == $"{_process.Id}";
        }
        // It has ended meanwhile.
        catch (IOException)
        {
            return false;
        }
    }

    private static long PeakBytes(string id)
    {
        const string key = "VmHWM:";
        string line = File.ReadLines($"/proc/{id}/status").First(text => text.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    private void Kill(object? sender, EventArgs arguments)
    {
        using Process kill = Process.Start("kill", ["-KILL", "--", $"-{_process.Id}"]);
        kill.WaitForExit();
    }

    private async Task ListeningAsync()
    {
        string line = await LineAsync(Listening);
        _client = new HttpClient { BaseAddress = new Uri(line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim()), Timeout = TimeSpan.FromMinutes(30) };
        // What it logs is of no interest, but has to go somewhere.
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    private async Task<string> LineAsync(string sign)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            if (line.Contains(sign, StringComparison.Ordinal)) return line;
        throw new InvalidOperationException($"{_way.Name}: the process ended before it wrote '{sign}'.");
    }

    /// <summary>Streams an answer. While the model is not ready, and while a host has no worker yet, asks again.</summary>
    /// <returns>Seconds from the process's start to the first token.</returns>
    private async Task<double> StreamAsync(int tokens, int number)
    {
        for (int tries = 0; tries < MostTries; tries++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "v1/completions") { Content = JsonContent.Create(Body(tokens, number), mediaType: new("application/json")) };
            try
            {
                using HttpResponseMessage response = await _client!.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                if (response.StatusCode == HttpStatusCode.OK) return await FirstEventAsync(response);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable && response.StatusCode != HttpStatusCode.BadGateway)
                    throw new InvalidOperationException($"{_way.Name}: {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
            }
            catch (HttpRequestException) when (!_process.HasExited)
            {
                // It does not listen yet.
            }
            await WaitAsync();
        }
        throw new InvalidOperationException($"{_way.Name}: no token came.");
    }

    private async Task<double> FirstEventAsync(HttpResponseMessage response)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        double first = 0;
        while (await reader.ReadLineAsync() is { } line)
            // Comments are heartbeats.
            if (first == 0 && line.StartsWith("data: {", StringComparison.Ordinal)) first = Seconds;
        return first > 0 ? first : throw new InvalidOperationException($"{_way.Name}: a stream ended without a token.");
    }

    private async Task<HttpStatusCode> StatusAsync(string path)
    {
        using HttpResponseMessage response = await _client!.GetAsync(path);
        return response.StatusCode;
    }

    private async Task WaitAsync()
    {
        if (_process.HasExited) throw new InvalidOperationException($"{_way.Name}: the process ended with exit code {_process.ExitCode}.");
        await Task.Delay(BetweenTries);
    }

    // Ids that every vocabulary has, and no two prompts with the same first token after the begin.
    private Dictionary<string, object> Body(int tokens, int number) => new()
    {
        ["model"] = _way.ServedModel!,
        ["prompt"] = Enumerable.Range(0, 16).Select(i => i == 0 ? 2 : 300 + ((number + (7 * i)) % 200)).ToArray(),
        ["max_tokens"] = tokens,
        ["min_tokens"] = tokens,
        ["temperature"] = 0,
        ["stream"] = true,
    };
}
