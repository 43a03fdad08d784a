using System.Text.Json;

namespace Gemma2.Golden;

/// <summary>The tiny GGUF models of this folder, quantized by llama.cpp, with what double precision computes from them. See README.md beside this file.</summary>
public static class GoldenGguf
{
    private static readonly string Folder = Path.Combine(GoldenModels.Root, "gguf");

    /// <summary>Names of all cases, in order: the model and what llama-quantize was asked for, such as <c>k256/Q4_K_M</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetFiles(Folder, "model.gguf", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Folder, Path.GetDirectoryName(file)!)).Order(StringComparer.Ordinal)];

    /// <summary>Names of all cases, for <c>[MemberData]</c>.</summary>
    public static TheoryData<string> All => [.. Names];

    /// <summary>Reads one case.</summary>
    public static GoldenGgufModel Open(string name) => new(Path.Combine(Folder, name));

    /// <summary>Vectors of a model's vocabulary: <c>encode.json</c> has entries, <c>chat.json</c> is a list.</summary>
    public static IReadOnlyList<JsonElement> Vectors(string model, string kind)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(GoldenModels.Root, "gguf-tokenizer", $"{model}.{kind}.json")));
        JsonElement root = document.RootElement;
        return [.. (root.ValueKind == JsonValueKind.Array ? root : root.GetProperty("entries")).EnumerateArray().Select(entry => entry.Clone())];
    }
}

/// <summary>One GGUF file with expected results beside it.</summary>
public sealed class GoldenGgufModel
{
    private readonly GoldenTensors _tensors;

    internal GoldenGgufModel(string folder)
    {
        File = Path.Combine(folder, "model.gguf");
        _tensors = new GoldenTensors(Path.Combine(folder, "golden.safetensors"));
        using JsonDocument golden = JsonDocument.Parse(System.IO.File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        Config = golden.RootElement.GetProperty("config").Clone();
        Tensors = [.. golden.RootElement.GetProperty("tensors").EnumerateArray().Select(tensor => new GoldenGgufTensor(
            tensor.Text("name"), tensor.Text("type"), [.. tensor.Ids("ne").Reverse()], tensor.GetProperty("data_offset_in_file").GetInt64(), tensor.Text("sha256")))];
        JsonElement tolerances = golden.RootElement.GetProperty("suggested_tolerance");
        Float32Tolerance = tolerances.GetProperty("dequantize_then_float32_max_abs_logit").GetSingle();
        Float16CacheTolerance = tolerances.GetProperty("f16_activations_max_abs_logit").GetSingle();
        Prompts = [.. golden.RootElement.GetProperty("prompts").EnumerateArray().Select(prompt => new GoldenGgufPrompt(
            prompt.Text("name"), prompt.Ids("ids"), _tensors.Values(prompt.Text("last_logits")), prompt.GetProperty("greedy").Ids("ids")))];
    }

    /// <summary>The model's file.</summary>
    public string File { get; }

    /// <summary>The configuration, named as in Hugging Face's config.json.</summary>
    public JsonElement Config { get; }

    /// <summary>The file's tensors.</summary>
    public IReadOnlyList<GoldenGgufTensor> Tensors { get; }

    /// <summary>Largest difference of a logit that an engine may show which computes in float32 with the dequantized weights.</summary>
    public float Float32Tolerance { get; }

    /// <summary>Largest difference of a logit with activations and keys and values in float16.</summary>
    public float Float16CacheTolerance { get; }

    /// <summary>All prompts of the case.</summary>
    public IReadOnlyList<GoldenGgufPrompt> Prompts { get; }
}

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Its type, by name.</param>
/// <param name="Shape">Its dimensions, outermost first.</param>
/// <param name="Offset">Where it begins in the file.</param>
/// <param name="Sha256">Hash of its bytes.</param>
public sealed record GoldenGgufTensor(string Name, string Type, IReadOnlyList<int> Shape, long Offset, string Sha256);

/// <summary>One prompt and what is expected after it.</summary>
/// <param name="Name">Name of the prompt.</param>
/// <param name="Ids">Token ids, beginning-of-sequence token first.</param>
/// <param name="LastLogits">Logits after the last token, [vocabulary].</param>
/// <param name="Greedy">The greedy continuation; tokens that end a text are ignored.</param>
public sealed record GoldenGgufPrompt(string Name, int[] Ids, float[] LastLogits, int[] Greedy);
