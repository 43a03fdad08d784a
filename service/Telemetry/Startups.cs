using System.Diagnostics;
using Gemma2.Backend.Startup;
using Gemma2.Service.Api;

namespace Gemma2.Service.Telemetry;

/// <summary>The starts of this process: the first began with it, each other one with a load of its own. Each is logged when the model is ready, and once more with the first token.</summary>
/// <param name="process">The timeline of the first.</param>
/// <param name="traces">Sends a start as spans.</param>
/// <param name="log">Gets a start as one line.</param>
internal sealed partial class Startups(StartupTimeline process, TraceExport traces, ILogger<Startups> log)
{
    /// <summary>Enough for a load that was tried again and again, and little to keep.</summary>
    private const int Kept = 10;

    private readonly Lock _lock = new();
    private readonly List<StartupTimeline> _timelines = [process];
    private bool _hasBegun;

    /// <summary>The start that is under way, or was last.</summary>
    public StartupTimeline Current
    {
        get
        {
            lock (_lock)
                return _timelines[^1];
        }
    }

    /// <summary>The last starts, newest first.</summary>
    public IReadOnlyList<StartupReport> Reports
    {
        get
        {
            lock (_lock)
                return [.. _timelines.AsEnumerable().Reverse().Select(timeline => timeline.Report())];
        }
    }

    /// <summary>A load begins.</summary>
    public StartupTimeline Begin()
    {
        lock (_lock)
        {
            if (_hasBegun)
                _timelines.Add(StartupTimeline.FromNow());
            _hasBegun = true;
            if (_timelines.Count > Kept)
                _timelines.RemoveAt(0);
            return _timelines[^1];
        }
    }

    /// <summary>The model that was loaded is ready.</summary>
    public void End(StartupTimeline timeline, string model)
    {
        timeline.BeReady(model);
        // Whoever loads goes on: a log or a trace is nothing to wait for.
        _ = Task.Run(() => TellAsync(timeline));
    }

    private async Task TellAsync(StartupTimeline timeline)
    {
        StartupReport report = timeline.Report();
        Log(report);
        traces.Start();
        ActivityContext? trace = StartupSpans.Tell(report);
        await timeline.FirstToken;
        report = timeline.Report();
        Log(report);
        StartupSpans.Tell(report, report.FirstToken!, trace);
    }

    private void Log(StartupReport report)
    {
        if (log.IsEnabled(LogLevel.Information))
            LogStartup(JsonBody.ToText(json =>
            {
                json.WriteStartObject();
                json.WritePropertyName("startup");
                StartupJson.Write(json, report);
                json.WriteEndObject();
            }));
    }

    [LoggerMessage(1, LogLevel.Information, "{Startup}")]
    private partial void LogStartup(string startup);
}
