using Gemma2.Backend.Device;

namespace Gemma2.Backend.Model;

/// <summary>Staging buffers that several threads share: who needs one gets that which was sent from longest ago.</summary>
/// <param name="device">The device.</param>
/// <param name="most">How many there may be; two at least, and no more than keep every processor busy.</param>
/// <param name="bytes">Bytes of a buffer, where not more are asked for.</param>
internal sealed class StagingSlots(GpuDevice device, int most, int bytes) : IDisposable
{
    private const int Fewest = 2;

    private readonly int _most = Math.Max(Fewest, Math.Min(most, 2 * Environment.ProcessorCount));
    private readonly List<StagingSlot> _all = [];
    private readonly Queue<StagingSlot> _free = [];

    /// <summary>A slot from which nothing is copied any more; <see cref="Give"/> it back.</summary>
    public StagingSlot Take()
    {
        StagingSlot slot = Next();
        try
        {
            slot.Wait();
            return slot;
        }
        catch
        {
            Give(slot);
            throw;
        }
    }

    /// <summary>Takes a slot back; what was sent from it may still be copied.</summary>
    public void Give(StagingSlot slot)
    {
        lock (_free)
        {
            _free.Enqueue(slot);
            Monitor.Pulse(_free);
        }
    }

    /// <summary>Returns when all that was sent has arrived. Every slot was given back by then.</summary>
    public void Wait()
    {
        foreach (StagingSlot slot in _all) slot.Wait();
    }

    public void Dispose()
    {
        foreach (StagingSlot slot in _all) slot.Dispose();
    }

    private StagingSlot Next()
    {
        lock (_free)
        {
            while (_free.Count == 0)
            {
                if (_all.Count < _most)
                {
                    var slot = new StagingSlot(device, bytes);
                    _all.Add(slot);
                    return slot;
                }
                Monitor.Wait(_free);
            }
            return _free.Dequeue();
        }
    }
}
