using System.Runtime.InteropServices;

namespace Gemma2.Benchmarks.Sides;

/// <summary>The functions of llama.cpp's C interface (llama.h and ggml-backend.h of the release in package.json) that comparisons need.</summary>
internal static unsafe partial class LlamaCppApi
{
    private const string Library = "llama.cpp";

    /// <summary>Loads llama.cpp and its backends, once in a process.</summary>
    /// <param name="folder">Where libllama and the backends beside it are.</param>
    public static void Load(string folder)
    {
        nint library = NativeLibrary.Load(Directory.EnumerateFiles(folder, "libllama.*.so").Single());
        NativeLibrary.SetDllImportResolver(typeof(LlamaCppApi).Assembly, (name, _, _) => name == Library ? library : 0);
    }

    [LibraryImport(Library, EntryPoint = "llama_log_set")]
    public static partial void SetLog(delegate* unmanaged[Cdecl]<int, byte*, void*, void> log, void* state);

    [LibraryImport(Library, EntryPoint = "ggml_backend_load_all_from_path", StringMarshalling = StringMarshalling.Utf8)]
    public static partial void LoadBackends(string folder);

    [LibraryImport(Library, EntryPoint = "ggml_backend_load", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint LoadBackend(string file);

    [LibraryImport(Library, EntryPoint = "ggml_backend_dev_count")]
    public static partial nuint DeviceCount();

    [LibraryImport(Library, EntryPoint = "ggml_backend_dev_get")]
    public static partial nint Device(nuint index);

    [LibraryImport(Library, EntryPoint = "ggml_backend_dev_name")]
    public static partial byte* DeviceName(nint device);

    [LibraryImport(Library, EntryPoint = "ggml_backend_dev_description")]
    public static partial byte* DeviceDescription(nint device);

    [LibraryImport(Library, EntryPoint = "llama_backend_init")]
    public static partial void Initialize();

    [LibraryImport(Library, EntryPoint = "llama_version")]
    public static partial byte* Version();

    [LibraryImport(Library, EntryPoint = "llama_model_default_params")]
    public static partial LlamaCppModelOptions DefaultModelOptions();

    [LibraryImport(Library, EntryPoint = "llama_context_default_params")]
    public static partial LlamaCppContextOptions DefaultContextOptions();

    [LibraryImport(Library, EntryPoint = "llama_model_load_from_file", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint LoadModel(string file, LlamaCppModelOptions options);

    [LibraryImport(Library, EntryPoint = "llama_model_get_vocab")]
    public static partial nint Vocabulary(nint model);

    [LibraryImport(Library, EntryPoint = "llama_vocab_n_tokens")]
    public static partial int VocabularySize(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_init_from_model")]
    public static partial nint CreateContext(nint model, LlamaCppContextOptions options);

    [LibraryImport(Library, EntryPoint = "llama_n_threads")]
    public static partial int Threads(nint context);

    [LibraryImport(Library, EntryPoint = "llama_get_memory")]
    public static partial nint Memory(nint context);

    [LibraryImport(Library, EntryPoint = "llama_memory_clear")]
    public static partial void ClearMemory(nint memory, byte data);

    [LibraryImport(Library, EntryPoint = "llama_memory_seq_rm")]
    public static partial byte Remove(nint memory, int sequence, int from, int to);

    [LibraryImport(Library, EntryPoint = "llama_memory_seq_pos_min")]
    public static partial int FirstPosition(nint memory, int sequence);

    [LibraryImport(Library, EntryPoint = "llama_model_n_swa")]
    public static partial int Window(nint model);

    [LibraryImport(Library, EntryPoint = "llama_batch_init")]
    public static partial LlamaCppBatch CreateBatch(int tokens, int embedding, int sequences);

    [LibraryImport(Library, EntryPoint = "llama_batch_free")]
    public static partial void FreeBatch(LlamaCppBatch batch);

    [LibraryImport(Library, EntryPoint = "llama_batch_get_one")]
    public static partial LlamaCppBatch Batch(int* tokens, int count);

    [LibraryImport(Library, EntryPoint = "llama_decode")]
    public static partial int Decode(nint context, LlamaCppBatch batch);

    [LibraryImport(Library, EntryPoint = "llama_get_logits_ith")]
    public static partial float* Logits(nint context, int row);

    [LibraryImport(Library, EntryPoint = "llama_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "llama_model_free")]
    public static partial void FreeModel(nint model);
}
