using System.Diagnostics;
using System.Text;

namespace Gemma2.EndToEnd.Tests;

/// <summary>A shell script of this repository, started as a user would start it. Ends with everything it started when disposed.</summary>
internal sealed class Script : IAsyncDisposable
{
    private const string MarkVariable = "GEMMA2_TEST_MARK";

    private readonly string _mark = Guid.NewGuid().ToString("N");
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _outputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;
    private Func<string, bool>? _awaited;
    private TaskCompletionSource _found = new();

    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    private Script(string[] arguments, IReadOnlyDictionary<string, string>? environment)
    {
        // Standard error joins standard output in the order of a terminal.
        var start = new ProcessStartInfo("bash", ["-c", "exec \"$@\" 2>&1", "bash", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            WorkingDirectory = Root,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        start.Environment[MarkVariable] = _mark;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.Exited += (_, _) => _ended.TrySetResult();
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
    }

    /// <summary>Starts a command line in the repository's root.</summary>
    public static Script Start(IReadOnlyDictionary<string, string>? environment, params string[] arguments) => new(arguments, environment);

    /// <summary>Runs bash lines in the repository's root to their end.</summary>
    public static async Task<(int ExitCode, string Output)> RunBashAsync(string lines, IReadOnlyDictionary<string, string>? environment = null)
    {
        await using Script script = Start(environment, "bash", "-euo", "pipefail", "-c", lines);
        int exitCode = await script.WaitAsync();
        return (exitCode, script.Output);
    }

    /// <summary>What it printed until now.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Waits for its end; the exit code.</summary>
    public async Task<int> WaitAsync()
    {
        await _ended.Task.WaitAsync(TestContext.Current.CancellationToken);
        // A process that it left behind may hold its output open.
        await Task.WhenAny(_outputEnded.Task, Task.Delay(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
        return _process.ExitCode;
    }

    /// <summary>Waits until its output holds a text.</summary>
    public async Task WaitForOutputAsync(string text)
    {
        lock (_output)
        {
            _found = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = output => output.Contains(text, StringComparison.Ordinal);
            if (_awaited(_output.ToString())) return;
        }
        Task first = await Task.WhenAny(_found.Task, _outputEnded.Task).WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(first == _found.Task, $"It ended without '{text}':\n{Output}");
    }

    /// <summary>Sends it a signal, as <c>kill</c> names it.</summary>
    public async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("kill", ["-s", signal, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>
    /// The command lines of all processes that live on of those that it started, and those that they started, whoever is their parent now.
    /// A process that was killed just now is given a moment to be gone.
    /// </summary>
    public async Task<IReadOnlyList<string>> LivingProcessesAsync()
    {
        for (int looks = 0; looks < 100 && FindProcesses().Count > 0; looks++) await Task.Delay(50, TestContext.Current.CancellationToken);
        return [.. FindProcesses().Select(process => process.CommandLine)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach ((int id, _) in FindProcesses())
        {
            try
            {
                using Process process = Process.GetProcessById(id);
                process.Kill();
            }
            catch (Exception error) when (error is ArgumentException or InvalidOperationException)
            {
                // It has ended meanwhile.
            }
        }
        await _ended.Task;
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            _outputEnded.TrySetResult();
            return;
        }
        lock (_output)
        {
            _output.Append(line).Append('\n');
            if (_awaited?.Invoke(_output.ToString()) == true) _found.TrySetResult();
        }
    }

    // The mark is in the environment of every descendant.
    private List<(int Id, string CommandLine)> FindProcesses()
    {
        var found = new List<(int, string)>();
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out int id)) continue;
            try
            {
                if (!File.ReadAllText($"{folder}/environ").Contains($"{MarkVariable}={_mark}", StringComparison.Ordinal)) continue;
                string commandLine = File.ReadAllText($"{folder}/cmdline").Replace('\0', ' ');
                if (commandLine.Length > 0) found.Add((id, commandLine));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It ended while it was read, or belongs to another user.
            }
        }
        return found;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Serverless.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Serverless.sln.");
    }
}
