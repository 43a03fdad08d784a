using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides;

/// <summary>llama.cpp through its C interface, with its own defaults for all that is not the work itself (batch sizes, flash attention, repacking).</summary>
internal sealed unsafe class LlamaCppEngine : ISide
{
    private const int AllLayers = -1;

    // enum ggml_type
    private const int F32 = 0;
    private const int F16 = 1;

    private readonly nint _model;
    private readonly nint _context;
    private readonly LlamaCppSlots _slots;

    private LlamaCppEngine(nint model, nint context, int slots, SideDescription description)
    {
        _model = model;
        _context = context;
        Description = description;
        _slots = new LlamaCppSlots(model, context, slots, description.VocabularySize);
    }

    /// <inheritdoc/>
    public SideDescription Description { get; }

    /// <summary>Loads a model; a process can do so once.</summary>
    /// <param name="folder">llama.cpp's libraries.</param>
    /// <param name="onGpu">With all layers in its GPU backend; else on the CPU alone.</param>
    /// <param name="model">A GGUF file.</param>
    /// <param name="options">As the other side's.</param>
    /// <param name="backend">The only backend to load; null loads all, and of those for CPUs the best that this processor runs.</param>
    public static LlamaCppEngine Load(string folder, bool onGpu, string model, SideOptions options, string? backend = null)
    {
        long start = Stopwatch.GetTimestamp();
        LlamaCppApi.Load(folder);
        LlamaCppLog.Catch();
        if (backend is null) LlamaCppApi.LoadBackends(folder);
        else if (LlamaCppApi.LoadBackend(Path.Combine(folder, backend)) == 0) throw new InvalidOperationException($"llama.cpp does not load {backend}.");
        LlamaCppApi.Initialize();
        LlamaCppModelOptions modelOptions = LlamaCppApi.DefaultModelOptions();
        modelOptions.GpuLayers = onGpu ? AllLayers : 0;
        nint loaded = LlamaCppApi.LoadModel(model, modelOptions);
        nint context = loaded == 0 ? 0 : LlamaCppApi.CreateContext(loaded, ContextOptions(options));
        if (context == 0) throw new InvalidOperationException($"llama.cpp does not load {model}:\n{LlamaCppLog.Text}");

        // Without a usable GPU it runs on the CPU and only its log says so.
        if (LlamaCppLog.OffloadedLayers > 0 != onGpu)
            throw new InvalidOperationException($"llama.cpp was to run on the {(onGpu ? "GPU" : "CPU")} and does not:\n{LlamaCppLog.Text}");
        if (options.Warms)
        {
            Step(context, [1, 1]);
            Step(context, [1]);
        }
        var description = new SideDescription(
            $"llama.cpp {Text(LlamaCppApi.Version())}",
            $"{Devices()}; weights in {LlamaCppLog.WeightBuffers}; {LlamaCppLog.KvCache} cache; {LlamaCppApi.Threads(context)} threads",
            LlamaCppApi.VocabularySize(LlamaCppApi.Vocabulary(loaded)),
            Stopwatch.GetElapsedTime(start).TotalSeconds);
        return new LlamaCppEngine(loaded, context, options.Slots, description);
    }

    /// <inheritdoc/>
    public Task<Turn> MeasureAsync(int[] prompt, int decode)
    {
        Clear();
        var clock = new TurnClock();
        int token = Largest(Step(_context, prompt));
        clock.Token(token);
        for (int i = 0; i < decode; i++)
        {
            token = Largest(Step(_context, [token]));
            clock.Token(token);
        }
        return Task.FromResult(clock.Stop());
    }

    /// <inheritdoc/>
    public Task<float[]> LogitsAsync(int[] tokens)
    {
        Clear();
        return Task.FromResult(new ReadOnlySpan<float>(Step(_context, tokens), Description.VocabularySize).ToArray());
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ServedToken> ServeAsync(LoadRequest request, CancellationToken cancellationToken) => _slots.ServeAsync(request, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _slots.Dispose();
        LlamaCppApi.FreeContext(_context);
        LlamaCppApi.FreeModel(_model);
        return ValueTask.CompletedTask;
    }

    private static LlamaCppContextOptions ContextOptions(SideOptions options)
    {
        LlamaCppContextOptions defaults = LlamaCppApi.DefaultContextOptions();
        if (defaults is not { Batch: 2048, PhysicalBatch: 512, FlashAttention: -1, KeyType: F16, ValueType: F16, OffloadKeysAndValues: 1, OtherContext: 0 })
            throw new InvalidOperationException("These libraries are of another version of llama.cpp: its options have another layout.");
        int type = options.KvCache == "f32" ? F32 : F16;
        return defaults with
        {
            Context = (uint)(options.Context * options.Slots),
            Sequences = (uint)options.Slots,
            Threads = options.Threads,
            BatchThreads = options.Threads,
            KeyType = type,
            ValueType = type,
        };
    }

    private void Clear() => LlamaCppApi.ClearMemory(LlamaCppApi.Memory(_context), 1);

    // [vocabulary], valid until the next step
    private static float* Step(nint context, ReadOnlySpan<int> tokens)
    {
        fixed (int* ids = tokens)
        {
            int status = LlamaCppApi.Decode(context, LlamaCppApi.Batch(ids, tokens.Length));
            if (status != 0) throw new InvalidOperationException($"llama_decode failed with {status}:\n{LlamaCppLog.Text}");
        }
        return LlamaCppApi.Logits(context, -1);
    }

    private int Largest(float* logits) => TensorPrimitives.IndexOfMax(new ReadOnlySpan<float>(logits, Description.VocabularySize));

    private static string Devices()
    {
        var names = new List<string>();
        for (nuint i = 0; i < LlamaCppApi.DeviceCount(); i++)
        {
            nint device = LlamaCppApi.Device(i);
            names.Add($"{Text(LlamaCppApi.DeviceName(device))} ({Text(LlamaCppApi.DeviceDescription(device)).Trim()})");
        }
        return string.Join(", ", names);
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
