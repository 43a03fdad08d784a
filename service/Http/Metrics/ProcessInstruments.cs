using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Gemma2.Service.Http.Metrics;

/// <summary>The process, under the names that Prometheus' own clients give.</summary>
internal static class ProcessInstruments
{
    public static void AddTo(Meter meter)
    {
        meter.CreateObservableCounter("process.cpu", () => Of(process => process.TotalProcessorTime.TotalSeconds), "s", "Processor time of all threads.");
        meter.CreateObservableGauge("process.resident_memory", () => Of(process => process.WorkingSet64), "By", "Memory that is resident.");
        meter.CreateObservableGauge("process.virtual_memory", () => Of(process => process.VirtualMemorySize64), "By", "Memory that is mapped.");
        meter.CreateObservableGauge("process.threads", () => Of(process => process.Threads.Count), unit: null, "Threads.");
        meter.CreateObservableGauge(
            "process.start_time", () => Of(process => new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0), "s", "When the process started, in seconds since 1970.");
    }

    private static T Of<T>(Func<Process, T> value)
    {
        using var process = Process.GetCurrentProcess();
        return value(process);
    }
}
