using Gemma2.Backend.Formats.Files;
using Gemma2.Storage.Models;
using Spectre.Console;

namespace Gemma2.Cli.Terminal;

/// <summary>A progress bar on stderr, for a person at a terminal only.</summary>
internal sealed class ProgressBar(ProgressTask task) : IProgress<LoadProgress>, IProgress<PushProgress>
{
    /// <summary>Runs <paramref name="work"/> under a bar. Without a terminal there is no bar (null), and nothing of Spectre is loaded.</summary>
    public static Task<T> RunAsync<T>(string title, Func<ProgressBar?, Task<T>> work) =>
        Console.IsErrorRedirected ? work(null) : DrawAsync(title, work);

    /// <summary>Runs <paramref name="work"/> under a bar for a number of bytes that is known from the start.</summary>
    public static Task<T> RunAsync<T>(string title, long bytes, Func<IProgress<long>?, Task<T>> work) =>
        RunAsync(title, bar => work(bar?.From(0, bytes)));

    /// <summary>The progress of one of several files.</summary>
    /// <param name="done">Bytes of those before it.</param>
    /// <param name="total">Bytes of all.</param>
    public IProgress<long> From(long done, long total) => new Bytes(this, done, total);

    /// <inheritdoc/>
    public void Report(LoadProgress value) => Show(value.BytesLoaded, value.BytesTotal);

    /// <inheritdoc/>
    public void Report(PushProgress value)
    {
        task.Description = value.Step == PushStep.Hashing ? "Hashing" : "Uploading";
        Show(value.BytesDone, value.BytesTotal);
    }

    private static Task<T> DrawAsync<T>(string title, Func<ProgressBar?, Task<T>> work)
    {
        IAnsiConsole stderr = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return stderr.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn())
            .StartAsync(context => work(new ProgressBar(context.AddTask(Markup.Escape(title)))));
    }

    private void Show(long done, long total)
    {
        task.MaxValue = Math.Max(1, total);
        task.Value = done;
    }

    private sealed class Bytes(ProgressBar bar, long before, long total) : IProgress<long>
    {
        public void Report(long value) => bar.Show(before + value, total);
    }
}
