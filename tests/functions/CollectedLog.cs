using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Gemma2.Functions.Tests;

/// <summary>Keeps what an app logs, line by line.</summary>
internal sealed class CollectedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<(string Category, string Line)> _lines = [];

    /// <summary>The lines of one class so far.</summary>
    public string[] LinesOf<T>() => [.. _lines.Where(line => line.Category == typeof(T).FullName).Select(line => line.Line)];

    /// <summary>All lines so far.</summary>
    public string[] Lines => [.. _lines.Select(line => line.Line)];

    /// <summary>Waits until a class has logged so many lines, and gives them.</summary>
    public async Task<string[]> WaitForAsync<T>(int count)
    {
        while (LinesOf<T>().Length < count)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        return LinesOf<T>();
    }

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
    }

    private sealed class Logger(string category, ConcurrentQueue<(string, string)> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue((category, formatter(state, exception)));
    }
}
