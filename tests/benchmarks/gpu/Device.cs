using System.Text.Json;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>The device that is measured.</summary>
/// <param name="Index">As <c>gemma2 devices</c> numbers it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Driver">Its driver.</param>
/// <param name="MemoryBytes">Its memory.</param>
/// <param name="IsSoftware">Whether it is a CPU.</param>
internal sealed record Device(int Index, string Name, string Driver, long MemoryBytes, bool IsSoftware)
{
    private const double Seconds = 30;

    /// <summary>The device that the engine takes by itself.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static async Task<Device> FindAsync(TimeBudget budget)
    {
        ProgramEnd end = await Programs.RunAsync(budget.AtMost(Seconds), "gemma2", "devices", "--json");
        if (!end.Succeeded) throw new InvalidOperationException($"gemma2 devices failed: {end.Reason}");
        JsonElement report = JsonDocument.Parse(end.Output).RootElement;
        if (report.GetProperty("selected").ValueKind == JsonValueKind.Null) throw new InvalidOperationException(report.GetProperty("reason").GetString());
        JsonElement device = report.GetProperty("devices")[report.GetProperty("selected").GetInt32()];
        return new Device(
            device.GetProperty("index").GetInt32(),
            device.GetProperty("name").GetString()!,
            device.GetProperty("driver").GetString()!,
            device.GetProperty("memory_bytes").GetInt64(),
            device.GetProperty("kind").GetString() == "software");
    }

    /// <summary>All that is known of the devices of this machine, and what the kernels' check at start finds where this build can tell.</summary>
    public static async Task<string> DescribeAsync(TimeBudget budget)
    {
        ProgramEnd devices = await Programs.RunAsync(budget.AtMost(Seconds), "gemma2", "devices");
        ProgramEnd check = await Programs.RunAsync(budget.AtMost(Seconds * 2), "gemma2", "devices", "--check");
        // Builds before the check know no such option.
        return check.Succeeded ? $"{devices.Output.TrimEnd()}\n\n{check.Output.TrimEnd()}" : devices.Output.TrimEnd();
    }
}
