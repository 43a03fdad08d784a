using System.Runtime.InteropServices;

namespace Gemma2.Benchmarks.Sides;

/// <summary><c>llama_model_params</c>; only <see cref="GpuLayers"/> is changed here.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LlamaCppModelOptions
{
    public nint Devices;
    public nint TensorBuffers;
    public int GpuLayers;
    public int SplitMode;
    public int LoadMode;
    public int LazyMode;
    public int MainGpu;
    public nint TensorSplit;
    public nint Progress;
    public nint ProgressState;
    public nint Overrides;
    public byte VocabularyOnly;
    public byte CheckTensors;
    public byte UseExtraBuffers;
    public byte NoHost;
    public byte NoAllocation;
    public byte LoadMtp;
}

/// <summary><c>llama_context_params</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LlamaCppContextOptions
{
    public uint Context;
    public uint Batch;
    public uint PhysicalBatch;
    public uint Sequences;
    public uint Snapshots;
    public uint Outputs;
    public uint OutputsPerSequence;
    public int Threads;
    public int BatchThreads;
    public int ContextType;
    public int RopeScaling;
    public int Pooling;
    public int AttentionType;
    public int FlashAttention;
    public float RopeBase;
    public float RopeScale;
    public float YarnExtension;
    public float YarnAttention;
    public float YarnBetaFast;
    public float YarnBetaSlow;
    public uint YarnContext;
    public float Defragmentation;
    public nint Evaluated;
    public nint EvaluatedState;
    public int KeyType;
    public int ValueType;
    public nint Abort;
    public nint AbortState;
    public byte Embeddings;
    public byte OffloadKeysAndValues;
    public byte NoTimes;
    public byte OffloadOperations;
    public byte FullWindowCache;
    public byte UnifiedCache;
    public nint Samplers;
    public nuint SamplerCount;
    public nint OtherContext;
}

/// <summary><c>llama_batch</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LlamaCppBatch
{
    public int Count;
    public nint Tokens;
    public nint Embeddings;
    public nint Positions;
    public nint SequenceCounts;
    public nint Sequences;
    public nint Outputs;
}
