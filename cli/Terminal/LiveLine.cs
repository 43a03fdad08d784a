using Spectre.Console;

namespace Gemma2.Cli.Terminal;

/// <summary>A line on stderr that is drawn anew as things go on, for a person at a terminal only.</summary>
internal sealed class LiveLine(ProgressTask task)
{
    /// <summary>Runs <paramref name="work"/> under a line. Without a terminal there is no line (null), and nothing of Spectre is loaded.</summary>
    /// <param name="text">What is to be seen at first.</param>
    /// <param name="work">Shows how it goes on.</param>
    public static Task<T> RunAsync<T>(string text, Func<LiveLine?, Task<T>> work) => Console.IsErrorRedirected ? work(null) : DrawAsync(text, work);

    /// <summary>Draws the line.</summary>
    /// <param name="text">What is to be seen.</param>
    /// <param name="share">How much is done, 0 to 1, as a bar; null where that is not known.</param>
    public void Show(string text, double? share)
    {
        task.Description = Markup.Escape(text);
        task.IsIndeterminate = share is null;
        task.Value = share ?? 0;
    }

    private static Task<T> DrawAsync<T>(string text, Func<LiveLine?, Task<T>> work)
    {
        IAnsiConsole stderr = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return stderr.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(context => work(new LiveLine(context.AddTask(Markup.Escape(text), maxValue: 1))));
    }
}
