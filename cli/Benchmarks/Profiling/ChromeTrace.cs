using System.Text.Json;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;

namespace Gemma2.Cli.Benchmarks.Profiling;

/// <summary>
/// Passes and their dispatches on a time line that chrome://tracing, Perfetto and others show. Source of the format: "Trace Event Format", complete events.
/// </summary>
internal static class ChromeTrace
{
    private const int Process = 1;
    private const int PassLine = 1;
    private const int DispatchLine = 2;
    private const double NanosecondsPerMicrosecond = 1e3;

    /// <summary>Writes all passes of a run as one JSON document.</summary>
    public static void Write(Stream output, string device, IReadOnlyList<StepProfile> passes)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        WriteName(json, "process_name", device, PassLine);
        WriteName(json, "thread_name", "passes", PassLine);
        WriteName(json, "thread_name", "kernels", DispatchLine);
        long zero = passes.SelectMany(pass => pass.Dispatches).Select(dispatch => dispatch.Begin).DefaultIfEmpty().Min();
        foreach (StepProfile pass in passes.Where(pass => pass.Dispatches.Count > 0)) WritePass(json, pass, zero);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WritePass(Utf8JsonWriter json, StepProfile pass, long zero)
    {
        string category = pass.IsPrompt ? "prompt" : "decode";
        DispatchTime last = pass.Dispatches[^1];
        long begin = pass.Dispatches[0].Begin;
        WriteEvent(json, category, category, PassLine, begin - zero, last.Begin + last.Nanoseconds - begin, () =>
        {
            json.WriteNumber("rows", pass.Rows);
            json.WriteNumber("position", pass.Position);
        });
        foreach (DispatchTime dispatch in pass.Dispatches)
        {
            WriteEvent(json, dispatch.Step, category, DispatchLine, dispatch.Begin - zero, dispatch.Nanoseconds, () =>
            {
                json.WriteString("shader", dispatch.Shader);
                if (dispatch.Layer >= 0) json.WriteNumber("layer", dispatch.Layer);
                json.WriteString("workgroups", $"{dispatch.Grid.X} x {dispatch.Grid.Y} x {dispatch.Grid.Z}");
            });
        }
    }

    private static void WriteEvent(Utf8JsonWriter json, string name, string category, int line, long begin, long nanoseconds, Action writeArguments)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteString("cat", category);
        json.WriteString("ph", "X");
        json.WriteNumber("ts", begin / NanosecondsPerMicrosecond);
        json.WriteNumber("dur", nanoseconds / NanosecondsPerMicrosecond);
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", line);
        json.WriteStartObject("args");
        writeArguments();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteName(Utf8JsonWriter json, string kind, string name, int line)
    {
        json.WriteStartObject();
        json.WriteString("name", kind);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", line);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
