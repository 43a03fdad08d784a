using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Gemma2.Testing;

namespace Gemma2.Chaos.Tests.Processes;

/// <summary>
/// One process of the app, from its start to its end; under a Functions host that of the host, which starts the app as its worker and, when that is killed,
/// starts it again.
/// </summary>
internal sealed partial class AppProcess : IDisposable
{
    private readonly bool _isHosted;
    private readonly Process _process;
    private readonly TextWriter _log;
    private readonly Lock _lock = new();
    private readonly List<string> _exceptions = [];
    private readonly List<(int ExitCode, bool HasNotLoaded, string LastLine)> _workersEnded = [];
    private Uri? _address;
    private volatile bool _loaded;
    private volatile bool _workerIsKilled;

    private AppProcess(bool isHosted, Process process, TextWriter log)
    {
        (_isHosted, _process, _log) = (isHosted, process, log);
        Ended = WaitAsync();
    }

    /// <summary>Where it answers over HTTP, while its model is loaded; null else.</summary>
    public Uri? Address => _loaded ? _address : null;

    /// <summary>Its exit code; 128 and the signal's number where one has ended it.</summary>
    public Task<int> Ended { get; }

    /// <summary>The first signal that it was sent to end it; null where it ends by itself.</summary>
    public Signal? EndedBy { get; private set; }

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>The app's process' number, where that is a worker of this one.</summary>
    public int? WorkerId { get; private set; }

    /// <summary>Whether the host has stopped because its worker has ended too often.</summary>
    public bool HasGivenUp { get; private set; }

    /// <summary>Workers that nobody has killed: how they ended.</summary>
    public IReadOnlyList<(int ExitCode, bool HasNotLoaded, string LastLine)> WorkersEnded => _workersEnded;

    /// <summary>Whether the app has said that it could not load its model.</summary>
    public bool HasNotLoaded { get; private set; }

    /// <summary>The last line that the app wrote.</summary>
    public string LastLine { get; private set; } = "";

    /// <summary>The lines with a stack: what fails for a known reason is logged without one.</summary>
    public IReadOnlyList<string> Exceptions => _exceptions;

    /// <summary>Starts the app.</summary>
    /// <param name="isHosted">Whether a Functions host is to run it.</param>
    /// <param name="environment">Its settings.</param>
    /// <param name="log">Takes what it writes.</param>
    public static AppProcess Start(bool isHosted, IReadOnlyDictionary<string, string> environment, TextWriter log)
    {
        string folder = Path.GetDirectoryName(Repository.App)!;
        // A message whose reply was lost on its way to the host is hidden for the host's lease: ten minutes, if nothing else is said.
        string[] hostsArguments = ["--app", folder, "--lease-seconds", "20", "--restart-seconds", "1"];
        var info = new ProcessStartInfo(isHosted ? Repository.PlayedHost : Repository.App, isHosted ? hostsArguments : ["--urls", "http://127.0.0.1:0"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment) info.Environment[name] = value;
        return new AppProcess(isHosted, Process.Start(info)!, log);
    }

    /// <summary>Ends it, or asks it to end.</summary>
    public void End(Signal signal)
    {
        EndedBy ??= signal;
        _process.Send(signal);
        // Where it is paused, it must go on to end.
        _process.Send(Signal.Continue);
        SendToWorker(Signal.Continue);
    }

    /// <summary>Ends its worker at once, if it has one.</summary>
    public void KillWorker()
    {
        _workerIsKilled = true;
        _loaded = false;
        SendToWorker(Signal.Kill);
    }

    /// <summary>Takes it off the processor for a time: it goes on afterwards, and cannot know that others have taken over meanwhile.</summary>
    public async Task PauseAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _process.Send(Signal.Stop);
        SendToWorker(Signal.Stop);
        try
        {
            await Task.Delay(time, cancellationToken);
        }
        finally
        {
            SendToWorker(Signal.Continue);
            _process.Send(Signal.Continue);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    private async Task<int> WaitAsync()
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput), ReadAsync(_process.StandardError));
        await _process.WaitForExitAsync();
        _loaded = false;
        return _process.ExitCode;
    }

    private async Task ReadAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            lock (_lock) Note(line);
        }
    }

    private void Note(string line)
    {
        _log.WriteLine($"[{Id}] {line}");
        // The first is the host's, where there is one.
        if (Listening().Match(line) is { Success: true } match) _address ??= new Uri(match.Groups[1].Value);
        if (_isHosted && !line.StartsWith('[')) NoteOfTheHost(line);
        else NoteOfTheApp(line);
    }

    private void NoteOfTheApp(string line)
    {
        LastLine = line;
        HasNotLoaded |= line.Contains("The model could not be loaded. ", StringComparison.Ordinal);
        _loaded |= Loaded().IsMatch(line);
        if (StackFrame().IsMatch(line)) _exceptions.Add(line);
    }

    /// <summary>What a host says of its worker.</summary>
    private void NoteOfTheHost(string line)
    {
        if (WorkerStarted().Match(line) is { Success: true } started)
        {
            WorkerId = int.Parse(started.Groups[1].Value, CultureInfo.InvariantCulture);
            _workerIsKilled = HasNotLoaded = false;
        }
        else if (WorkerEnded().Match(line) is { Success: true } ended)
        {
            _loaded = false;
            if (!_workerIsKilled) _workersEnded.Add((int.Parse(ended.Groups[1].Value, CultureInfo.InvariantCulture), HasNotLoaded, LastLine));
        }
        else
        {
            HasGivenUp |= line.StartsWith("The worker has failed", StringComparison.Ordinal);
        }
    }

    private void SendToWorker(Signal signal)
    {
        if (WorkerId is not { } id) return;
        try
        {
            using var worker = Process.GetProcessById(id);
            worker.Send(signal);
        }
        catch (ArgumentException)
        {
            // It has ended.
        }
    }

    [GeneratedRegex("Now listening on: (http://\\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex("Model \\S+ loaded in ")]
    private static partial Regex Loaded();

    [GeneratedRegex("^Worker process (\\d+) is started")]
    private static partial Regex WorkerStarted();

    [GeneratedRegex("^Worker process \\d+ has ended with exit code (\\d+)")]
    private static partial Regex WorkerEnded();

    [GeneratedRegex(" at (Gemma2|System|Microsoft|Azure)\\.")]
    private static partial Regex StackFrame();
}
