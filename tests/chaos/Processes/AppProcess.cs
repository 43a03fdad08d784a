using System.Diagnostics;
using System.Text.RegularExpressions;
using Gemma2.Testing;

namespace Gemma2.Chaos.Tests.Processes;

/// <summary>One process of the app, from its start to its end.</summary>
internal sealed partial class AppProcess : IDisposable
{
    private readonly Process _process;
    private readonly TextWriter _log;
    private readonly Lock _lock = new();
    private readonly List<string> _exceptions = [];
    private readonly TaskCompletionSource<Uri> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Uri? _address;
    private bool _loaded;

    private AppProcess(Process process, TextWriter log)
    {
        (_process, _log) = (process, log);
        Ended = WaitAsync();
    }

    /// <summary>Where it answers over HTTP, once its model is loaded.</summary>
    public Task<Uri> Ready => _ready.Task;

    /// <summary>Its exit code; 128 and the signal's number where one has ended it.</summary>
    public Task<int> Ended { get; }

    /// <summary>The first signal that it was sent to end it; null where it ends by itself.</summary>
    public Signal? EndedBy { get; private set; }

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>The last line that it wrote.</summary>
    public string LastLine { get; private set; } = "";

    /// <summary>The lines with a stack: what fails for a known reason is logged without one.</summary>
    public IReadOnlyList<string> Exceptions => _exceptions;

    /// <summary>Starts the app.</summary>
    /// <param name="environment">Its settings.</param>
    /// <param name="log">Takes what it writes.</param>
    public static AppProcess Start(IReadOnlyDictionary<string, string> environment, TextWriter log)
    {
        var info = new ProcessStartInfo(Repository.App)
        {
            WorkingDirectory = Path.GetDirectoryName(Repository.App),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment) info.Environment[name] = value;
        return new AppProcess(Process.Start(info)!, log);
    }

    /// <summary>Ends it, or asks it to end.</summary>
    public void End(Signal signal)
    {
        EndedBy ??= signal;
        _process.Send(signal);
        // Where it is paused, it must go on to end.
        _process.Send(Signal.Continue);
    }

    /// <summary>Takes it off the processor for a time: it goes on afterwards, and cannot know that others have taken over meanwhile.</summary>
    public async Task PauseAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _process.Send(Signal.Stop);
        try
        {
            await Task.Delay(time, cancellationToken);
        }
        finally
        {
            _process.Send(Signal.Continue);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    private async Task<int> WaitAsync()
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput), ReadAsync(_process.StandardError));
        await _process.WaitForExitAsync();
        _ready.TrySetCanceled();
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
        LastLine = line;
        if (Listening().Match(line) is { Success: true } match) _address = new Uri(match.Groups[1].Value);
        _loaded |= Loaded().IsMatch(line);
        if (_address is not null && _loaded) _ready.TrySetResult(_address);
        if (StackFrame().IsMatch(line)) _exceptions.Add(line);
    }

    [GeneratedRegex("Now listening on: (http://\\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex("Model \\S+ loaded in ")]
    private static partial Regex Loaded();

    [GeneratedRegex(" at (Gemma2|System|Microsoft|Azure)\\.")]
    private static partial Regex StackFrame();
}
