using System.Text.Json;

namespace Gemma2.Golden;

/// <summary>The tiny Gemma 2 models of this folder, with what Google's own code computes from them. See README.md beside this file.</summary>
public static class GoldenModels
{
    /// <summary>The folder tests/golden of this checkout.</summary>
    public static string Root { get; } = Path.Combine(RepositoryRoot(), "tests", "golden");

    /// <summary>Names of all cases, in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetDirectories(Path.Combine(Root, "models")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    /// <summary>Names of all cases, for <c>[MemberData]</c>.</summary>
    public static TheoryData<string> All => [.. Names];

    /// <summary>Reads one case.</summary>
    public static GoldenModel Open(string name) => new(Path.Combine(Root, "models", name));

    private static string RepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Serverless.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Serverless.sln.");
    }
}

/// <summary>One golden case: a model folder with expected results beside it.</summary>
public sealed class GoldenModel
{
    private readonly GoldenTensors _tensors;

    internal GoldenModel(string folder)
    {
        Folder = folder;
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        JsonElement root = golden.RootElement;
        JsonElement effects = root.GetProperty("effect_of_deliberate_errors_max_abs_logit");
        Float32Tolerance = root.GetProperty("suggested_tolerance").GetProperty("float32_engine_max_abs_logit").GetSingle();
        Float16CacheTolerance = 3 * effects.GetProperty("f16_kv").GetProperty("any_prompt_last_position").GetSingle();
        ActivationTolerance = 10 * root.GetProperty("agreement_max_abs").GetProperty("activations_f32_vs_numpy_f64").GetSingle();
        Prompts = [.. root.GetProperty("prompts").EnumerateArray().Select(ReadPrompt)];

        _tensors = new GoldenTensors(Path.Combine(folder, "golden.safetensors"));
    }

    /// <summary>The model's folder: config.json and weights, ready to be loaded.</summary>
    public string Folder { get; }

    /// <summary>Largest difference of a logit that a float32 engine may show.</summary>
    public float Float32Tolerance { get; }

    /// <summary>Largest difference of a last-position logit with keys and values kept in float16: three times what was measured.</summary>
    public float Float16CacheTolerance { get; }

    /// <summary>Largest difference of an activation in a float32 engine.</summary>
    public float ActivationTolerance { get; }

    /// <summary>All prompts of the case.</summary>
    public IReadOnlyList<GoldenPrompt> Prompts { get; }

    /// <summary>The prompt of that name.</summary>
    public GoldenPrompt Prompt(string name) => Prompts.Single(prompt => prompt.Name == name);

    /// <summary>Names of all expected tensors.</summary>
    public IEnumerable<string> TensorNames => _tensors.Names;

    /// <summary>Shape of an expected tensor, outermost dimension first.</summary>
    public IReadOnlyList<int> Shape(string tensor) => _tensors.Shape(tensor);

    /// <summary>Values of an expected tensor, row by row.</summary>
    public float[] Tensor(string tensor) => _tensors.Values(tensor);

    private static GoldenPrompt ReadPrompt(JsonElement prompt)
    {
        JsonElement greedy = prompt.GetProperty("greedy");
        return new GoldenPrompt(
            prompt.GetProperty("name").GetString()!,
            ReadInts(prompt.GetProperty("ids")),
            prompt.GetProperty("last_logits_f64").GetString()!,
            Optional(prompt, "full_logits_f64")?.GetString(),
            [.. Optional(prompt, "activations")?.EnumerateArray().Select(name => name.GetString()!) ?? []],
            new GoldenGreedy(
                ReadInts(greedy.GetProperty("ids")),
                [.. greedy.GetProperty("top1_minus_top2").EnumerateArray().Select(margin => margin.GetSingle())],
                greedy.GetProperty("stop_tokens_ignored").GetBoolean(),
                Optional(greedy, "logits_f64")?.GetString()));
    }

    private static JsonElement? Optional(JsonElement element, string key) => element.TryGetProperty(key, out JsonElement value) ? value : null;

    private static int[] ReadInts(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}

/// <summary>One prompt and what is expected after it. Tensors are named; <see cref="GoldenModel.Tensor"/> reads them.</summary>
/// <param name="Name">Name of the prompt.</param>
/// <param name="Ids">Token ids, beginning-of-sequence token first.</param>
/// <param name="LastLogits">Logits after the last token, [vocabulary].</param>
/// <param name="FullLogits">Logits after every token, [length, vocabulary]; null where not kept.</param>
/// <param name="Activations">The residual stream at named points, each [length, hidden]; empty where not kept.</param>
/// <param name="Greedy">The greedy continuation.</param>
public sealed record GoldenPrompt(string Name, int[] Ids, string LastLogits, string? FullLogits, IReadOnlyList<string> Activations, GoldenGreedy Greedy)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A greedy continuation.</summary>
/// <param name="Ids">New ids, one a step.</param>
/// <param name="Margins">Best logit less the second best, one a step: below the tolerance used, a step says nothing.</param>
/// <param name="StopTokensIgnored">False where the last id is the stop token that ended the run.</param>
/// <param name="Logits">Logits of every step, [steps, vocabulary]; null where not kept.</param>
public sealed record GoldenGreedy(int[] Ids, float[] Margins, bool StopTokensIgnored, string? Logits);
