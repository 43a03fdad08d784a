namespace Gemma2.Backend.Device;

/// <content>Owns what is made on the device: constructors of objects of many parts need not free them where one fails.</content>
internal sealed unsafe partial class GpuDevice
{
    private readonly Dictionary<DeviceObject, (long Number, int Thread)> _objects = [];
    private readonly Lock _objectsLock = new();
    private long _made;

    /// <summary>How many objects there are now: buffers, pipelines, recorders.</summary>
    public int ObjectCount
    {
        get
        {
            lock (_objectsLock) return _objects.Count;
        }
    }

    /// <summary>How many objects were made so far.</summary>
    public long MadeCount => Interlocked.Read(ref _made);

    /// <summary>Which object, counted from 1, cannot be made; null lets all be. Tests play a device without memory.</summary>
    public long? FailAt { get; set; }

    /// <summary>Makes something of several parts. Where that fails, what this thread had made by then is freed at once, not only with the device.</summary>
    public T Make<T>(Func<T> make)
    {
        long before = MadeCount;
        try
        {
            return make();
        }
        catch
        {
            WaitIdle();
            int thread = Environment.CurrentManagedThreadId;
            Free((number, maker) => number > before && maker == thread);
            throw;
        }
    }

    /// <summary>Takes an object that is being made.</summary>
    internal void Own(DeviceObject made)
    {
        lock (_objectsLock)
        {
            if (++_made == FailAt) throw new DeviceException($"{Description.Name} makes no more than {_made - 1} objects here.");
            _objects.Add(made, (_made, Environment.CurrentManagedThreadId));
        }
    }

    /// <returns>False where the object was freed before.</returns>
    internal bool Disown(DeviceObject freed)
    {
        lock (_objectsLock) return _objects.Remove(freed);
    }

    private void Free(Func<long, int, bool> isMeant)
    {
        DeviceObject[] objects;
        lock (_objectsLock) objects = [.. _objects.Where(made => isMeant(made.Value.Number, made.Value.Thread)).Select(made => made.Key)];
        foreach (DeviceObject made in objects) made.Dispose();
    }
}
