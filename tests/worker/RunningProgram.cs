using System.Diagnostics;
using System.Text.RegularExpressions;
using Gemma2.Testing;

namespace Gemma2.Worker.Tests;

/// <summary>A program that runs, and all that it prints.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    // Long enough for a machine that has much else to do, and shorter than the ten minutes for which a Functions host hides messages.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly List<string> _lines = [];

    private RunningProgram(Process process)
    {
        _process = process;
        Ended = WaitAsync();
    }

    /// <summary>Its exit code; 128 and the signal's number where one has ended it.</summary>
    public Task<int> Ended { get; }

    /// <summary>What it has printed so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines) return [.. _lines];
        }
    }

    /// <summary>Starts a program.</summary>
    public static RunningProgram Start(string file, string folder, Dictionary<string, string> environment, params string[] arguments)
    {
        var info = new ProcessStartInfo(file, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // The tests may run in a container; the app is not to care.
        info.Environment["DOTNET_RUNNING_IN_CONTAINER"] = info.Environment["CONTAINER_APP_NAME"] = "";
        foreach ((string name, string value) in environment) info.Environment[name] = value;
        return new RunningProgram(Process.Start(info)!);
    }

    /// <summary>Waits for a line; gives what the pattern's group has found in it.</summary>
    /// <param name="pattern">A pattern with one group.</param>
    /// <param name="count">Which one that has it, from 1.</param>
    public async Task<string> WaitForLineAsync(string pattern, int count = 1)
    {
        string found = "";
        await WaitAsync(() => Find(pattern, count) is { } match && (found = match) is not null, $"the line '{pattern}'");
        return found;
    }

    /// <summary>Waits until something is so.</summary>
    public Task WaitAsync(Func<bool> reached, string what) => WaitAsync(() => Task.FromResult(reached()), what);

    /// <summary>Waits until something is so.</summary>
    public async Task WaitAsync(Func<Task<bool>> reached, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await reached())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"Waited in vain for {what}. It printed:\n{string.Join('\n', Lines)}");
            await Task.Delay(Look, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Sends it a signal.</summary>
    public void Send(Signal signal) => _process.Send(signal);

    /// <summary>Asks it to end; gives its exit code.</summary>
    public async Task<int> StopAsync()
    {
        Send(Signal.Term);
        await WaitAsync(() => Ended.IsCompleted, "its end");
        return await Ended;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Send(Signal.Kill);
        await Ended;
        _process.Dispose();
    }

    private string? Find(string pattern, int count)
    {
        Match[] matches = [.. Lines.Select(line => Regex.Match(line, pattern)).Where(match => match.Success).Take(count)];
        return matches.Length == count ? matches[^1].Groups[1].Value : null;
    }

    private async Task<int> WaitAsync()
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput), ReadAsync(_process.StandardError));
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private async Task ReadAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            lock (_lines) _lines.Add(line);
        }
    }
}
