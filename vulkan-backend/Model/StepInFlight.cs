using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;

namespace Gemma2.Backend.Model;

/// <summary>
/// A step that is handed to the device: its inputs and its commands. Used again when it is done. Commands for rows that decode alone follow from their number, so they are recorded once; all others
/// are recorded anew.
/// </summary>
/// <param name="inputs">What the device is told.</param>
/// <param name="createRecorder">Makes a command buffer.</param>
internal sealed class StepInFlight(StepInputs inputs, Func<CommandRecorder> createRecorder) : IDisposable
{
    private readonly CommandRecorder _commands = createRecorder();
    private readonly CommandRecorder?[] _decoding = new CommandRecorder?[StepLimits.DecodingRows + 1];
    private CommandRecorder? _running;

    /// <summary>What the device is told.</summary>
    public StepInputs Inputs => inputs;

    /// <summary>Hands a plan to the device, behind all that was handed over before.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="record">Records what it needs.</param>
    public void Submit(StepPlan plan, Action<CommandRecorder, StepInFlight, StepPlan> record)
    {
        inputs.Write(plan);
        RowCounts rows = plan.Rows;
        bool isDecodingOnly = rows.Prompt == 0 && plan.Wanted == rows.Decoding && !plan.HasMasks;
        _running = isDecodingOnly ? _decoding[rows.Decoding] ??= Record(createRecorder(), plan, record) : Record(_commands, plan, record);
        _running.Submit();
    }

    /// <summary>Returns when the step is done.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void Wait() => _running!.Wait();

    /// <summary>When the dispatches of the step ran, for a forward pass that is timed.</summary>
    public IReadOnlyList<DispatchTime> ReadTimes() => _running!.ReadTimes();

    public void Dispose()
    {
        _commands.Dispose();
        foreach (CommandRecorder? commands in _decoding) commands?.Dispose();
        inputs.Dispose();
    }

    private CommandRecorder Record(CommandRecorder commands, StepPlan plan, Action<CommandRecorder, StepInFlight, StepPlan> record)
    {
        commands.Begin();
        inputs.Record(commands, plan.HasMasks);
        record(commands, this, plan);
        commands.End();
        return commands;
    }
}
