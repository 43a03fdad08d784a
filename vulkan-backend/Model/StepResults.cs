using System.Runtime.CompilerServices;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Model;

/// <summary>What came out of the last step whose logits were wanted. There is one: a step that overwrites it is planned when its results have been taken.</summary>
internal sealed class StepResults : IStepResults, IDisposable
{
    private readonly GpuDevice _device;
    private readonly GpuBuffer _logits;
    private readonly GpuBuffer _candidates;
    private readonly ResultRow[] _wanted = new ResultRow[StepLimits.Results];
    private readonly Candidate[] _ranked = new Candidate[CandidatesKernel.Count];
    private CommandRecorder? _copying;
    private GpuBuffer? _copy;

    /// <param name="device">The device.</param>
    /// <param name="vocabularySize">Logits of a row.</param>
    public StepResults(GpuDevice device, int vocabularySize)
    {
        _device = device;
        _logits = device.Allocate((long)RowLayout.Stride(vocabularySize) * sizeof(float) * StepLimits.Results, MemoryKind.Device, "logits");
        _candidates = device.Allocate(StepLimits.Results * (long)Unsafe.SizeOf<CandidateRow>(), MemoryKind.Readback, "candidates");
        Logits = new Activation(_logits.Address, vocabularySize);
    }

    /// <summary>[results, vocabulary] in device memory.</summary>
    public Activation Logits { get; }

    /// <summary>[results] of <see cref="CandidateRow"/>, written by the device.</summary>
    public ulong CandidateRows => _candidates.Address;

    /// <summary>Remembers what is wanted of the step that was handed over.</summary>
    public void Expect(ReadOnlySpan<ResultRow> wanted) => wanted.CopyTo(_wanted);

    /// <inheritdoc/>
    public Candidates Candidates(int wanted)
    {
        ref CandidateRow row = ref _candidates.Span<CandidateRow>(0, wanted + 1)[wanted];
        return row.Read(_wanted[wanted], Logits.Width, _ranked);
    }

    /// <inheritdoc/>
    public Span<float> ReadLogits(int wanted)
    {
        _copying ??= _device.CreateRecorder();
        _copy ??= _device.Allocate(Logits.Width * (long)sizeof(float), MemoryKind.Readback, "logits");
        _copying.Begin();
        _copying.Copy(_logits, (long)wanted * Logits.Stride * sizeof(float), _copy, 0, _copy.Size);
        _copying.SubmitAndWait();
        return _copy.Span<float>(0, Logits.Width);
    }

    public void Dispose()
    {
        _copying?.Dispose();
        _copy?.Dispose();
        _logits.Dispose();
        _candidates.Dispose();
    }
}
