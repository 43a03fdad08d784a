using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Model;

/// <summary>
/// A pass over the model as the host sees it: what its rows are, and what came out of it. Used again for pass after pass; one is on its way at a time.
/// </summary>
internal sealed class Pass : IDisposable
{
    private readonly GpuDevice _device;
    private readonly int _maxRows;
    private readonly GpuBuffer _inputs;
    private readonly GpuBuffer _deviceInputs;
    private readonly GpuBuffer _logits;
    private readonly GpuBuffer _candidates;
    private readonly Candidate[] _ranked = new Candidate[CandidatesKernel.Count];
    private CommandRecorder? _running;
    private CommandRecorder? _copying;
    private GpuBuffer? _copy;

    /// <param name="device">The device.</param>
    /// <param name="maxRows">Most rows of a pass.</param>
    /// <param name="maxResults">Most rows that logits are computed for.</param>
    /// <param name="vocabularySize">Logits of a row.</param>
    public Pass(GpuDevice device, int maxRows, int maxResults, int vocabularySize)
    {
        _device = device;
        _maxRows = maxRows;
        long inputBytes = (maxRows * PassRow.Bytes) + (maxResults * ResultRow.Bytes);
        _inputs = device.Allocate(inputBytes, MemoryKind.Upload, "the rows of a pass");
        _deviceInputs = device.Allocate(inputBytes, MemoryKind.Device, "the rows of a pass");
        _logits = device.Allocate((long)RowLayout.Stride(vocabularySize) * sizeof(float) * maxResults, MemoryKind.Device, "logits");
        _candidates = device.Allocate(maxResults * (long)System.Runtime.CompilerServices.Unsafe.SizeOf<CandidateRow>(), MemoryKind.Readback, "candidates");
        Logits = new Activation(_logits.Address, vocabularySize);
    }

    /// <summary>[rows] <see cref="PassRow"/> in device memory.</summary>
    public ulong RowsAddress => _deviceInputs.Address;

    /// <summary>[results] <see cref="ResultRow"/> in device memory.</summary>
    public ulong WantedAddress => _deviceInputs.Address + (ulong)(_maxRows * PassRow.Bytes);

    /// <summary>[results, vocabulary] in device memory.</summary>
    public Activation Logits { get; }

    /// <summary>[results] of <see cref="CandidateRow"/>, written by the device.</summary>
    public ulong CandidatesAddress => _candidates.Address;

    /// <summary>The first rows, to be written by the host before the pass is submitted.</summary>
    public Span<PassRow> Rows(int count) => _inputs.Span<PassRow>(0, count);

    /// <summary>Sets the temperature at which the sum of a row's exponentials is computed.</summary>
    public void SetTemperature(int result, double temperature) => Wanted(result) = ResultRow.At(temperature);

    /// <summary>Records that the device takes over what the host wrote: kernels read it many times.</summary>
    public void RecordInputs(CommandRecorder commands)
    {
        commands.Copy(_inputs, 0, _deviceInputs, 0, _inputs.Size);
        commands.Barrier();
    }

    /// <summary>Hands a recorded pass to the device.</summary>
    public void Submit(CommandRecorder recorded)
    {
        recorded.Submit();
        _running = recorded;
    }

    /// <summary>Returns when the pass is done.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void Wait() => _running!.Wait();

    /// <summary>When the dispatches of the pass ran, for a forward pass that is timed.</summary>
    public IReadOnlyList<DispatchTime> ReadTimes() => _running!.ReadTimes();

    /// <summary>The highest logits of a row that is done. Valid until the next call.</summary>
    public Candidates Candidates(int result)
    {
        ref CandidateRow row = ref _candidates.Span<CandidateRow>(0, result + 1)[result];
        return row.Read(Wanted(result), Logits.Width, _ranked);
    }

    /// <summary>All logits of a row that is done, after the softcap. Waits for all that was submitted. Valid until the next call.</summary>
    public Span<float> ReadLogits(int result)
    {
        _copying ??= _device.CreateRecorder();
        _copy ??= _device.Allocate(Logits.Width * (long)sizeof(float), MemoryKind.Readback, "logits");
        _copying.Begin();
        _copying.Copy(_logits, (long)result * Logits.Stride * sizeof(float), _copy, 0, _copy.Size);
        _copying.SubmitAndWait();
        return _copy.Span<float>(0, Logits.Width);
    }

    private ref ResultRow Wanted(int result) => ref _inputs.Span<ResultRow>((_maxRows * PassRow.Bytes) + (result * ResultRow.Bytes), 1)[0];

    public void Dispose()
    {
        _copying?.Dispose();
        _copy?.Dispose();
        _inputs.Dispose();
        _deviceInputs.Dispose();
        _logits.Dispose();
        _candidates.Dispose();
    }
}
