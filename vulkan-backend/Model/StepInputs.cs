using Gemma2.Backend.Cache;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Sampling;

namespace Gemma2.Backend.Model;

/// <summary>
/// What the device is told of a step: rows, what is wanted of them, and the block tables of its sequences. The host writes it; the step's first command copies it into the device's memory, where
/// kernels read it many times. Addresses stay, so that commands that were recorded once can be submitted again for other rows.
/// </summary>
internal sealed class StepInputs : IDisposable
{
    private const int TablesOffset = (StepLimits.Rows * StepRow.Bytes) + (StepLimits.Results * ResultRow.Bytes);

    private readonly KvCache _cache;
    private readonly int _slots;
    private readonly GpuBuffer _host;
    private readonly GpuBuffer _device;
    private readonly WantedRow[] _wanted = new WantedRow[StepLimits.Results];
    private readonly ResultRow[] _results = new ResultRow[StepLimits.Results];
    private readonly StepMasks _masks;
    private int _wantedCount;

    /// <param name="device">The device.</param>
    /// <param name="cache">The cache whose blocks the tables name.</param>
    /// <param name="slots">Sequences that run at once.</param>
    /// <param name="contextLength">Longest sequence.</param>
    /// <param name="vocabularySize">Tokens that masks tell of.</param>
    public StepInputs(GpuDevice device, KvCache cache, int slots, int contextLength, int vocabularySize)
    {
        (_cache, _slots, TableStride) = (cache, slots, BlockTable.Covering(contextLength));
        _masks = new StepMasks(device, vocabularySize);
        long bytes = TablesOffset + ((long)cache.Groups.Windows.Count * slots * TableStride * sizeof(ulong));
        _host = device.Allocate(bytes, MemoryKind.Upload, "the rows of a step");
        _device = device.Allocate(bytes, MemoryKind.Device, "the rows of a step");
    }

    /// <summary>[rows] <see cref="StepRow"/> in device memory.</summary>
    public ulong Rows => _device.Address;

    /// <summary>[results] <see cref="ResultRow"/> in device memory.</summary>
    public ulong Results => _device.Address + (StepLimits.Rows * StepRow.Bytes);

    /// <summary>Entries from a sequence to the next one in the block tables.</summary>
    public int TableStride { get; }

    /// <summary>[slots, TableStride] addresses of a group's blocks in device memory.</summary>
    public ulong Table(int group) => _device.Address + TablesOffset + ((ulong)group * (ulong)_slots * (ulong)TableStride * sizeof(ulong));

    /// <summary>Which rows of the plan that was written last are wanted, in the order of the results.</summary>
    public ReadOnlySpan<WantedRow> Wanted => _wanted.AsSpan(0, _wantedCount);

    /// <summary>The same as the device is told.</summary>
    public ReadOnlySpan<ResultRow> ResultRows => _results.AsSpan(0, _wantedCount);

    /// <summary>Writes a plan for the device to read.</summary>
    public void Write(StepPlan plan)
    {
        plan.WriteRows(_host.Span<StepRow>(0, plan.Rows.Total));
        plan.WriteWanted(_wanted);
        _wantedCount = plan.Wanted;
        for (int i = 0; i < _wantedCount; i++) _results[i] = ResultRow.At(_wanted[i].Temperature, _wanted[i].Token, _wanted[i].Mask is { } mask ? _masks.Write(i, mask) : 0);
        ResultRows.CopyTo(_host.Span<ResultRow>(StepLimits.Rows * StepRow.Bytes, _wantedCount));
        foreach ((int slot, BlockTable blocks) in plan.Tables)
            for (int group = 0; group < blocks.Groups; group++) WriteTable(group, slot, blocks.Blocks(group));
    }

    /// <summary>Records that the device takes over what the host wrote.</summary>
    /// <param name="commands">Where to record.</param>
    /// <param name="hasMasks">Whether masks are part of it.</param>
    public void Record(CommandRecorder commands, bool hasMasks)
    {
        commands.Copy(_host, 0, _device, 0, _host.Size);
        if (hasMasks) _masks.Record(commands);
        commands.Barrier();
    }

    public void Dispose()
    {
        _host.Dispose();
        _device.Dispose();
        _masks.Dispose();
    }

    private void WriteTable(int group, int slot, ReadOnlySpan<int> blocks)
    {
        long offset = TablesOffset + ((((long)group * _slots) + slot) * TableStride * sizeof(ulong));
        Span<ulong> table = _host.Span<ulong>(offset, blocks.Length);
        for (int i = 0; i < table.Length; i++) table[i] = blocks[i] == BlockTable.None ? 0 : _cache.AddressOf(blocks[i]);
    }
}
