using System.CommandLine;
using System.CommandLine.Parsing;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tensors;

namespace Gemma2.Cli.Arguments;

/// <summary>What several commands have.</summary>
internal static class Shared
{
    /// <summary>What <c>--kv</c> is for, wherever it stands.</summary>
    public const string KvCacheDescription = "How numbers are kept in the KV cache (without it: auto, which is f16 for quantized weights and f32 for others).";

    /// <summary>Nothing is taken from the model's files.</summary>
    public const string NoGenerationConfig = "none";

    /// <summary>The words that <c>--kv</c> takes.</summary>
    public static readonly (string Word, KvCacheType Value)[] KvCacheTypes =
        [("auto", KvCacheType.Auto), ("f16", KvCacheType.F16), ("f32", KvCacheType.F32), ("q8_0", KvCacheType.Q8_0)];

    /// <summary>Which model.</summary>
    public static Argument<string> Model(string description = "A Hugging Face folder, a .gguf file, or blob:NAME for a model in blob storage.") =>
        new("MODEL") { Description = description };

    /// <summary>A model's name in blob storage.</summary>
    public static Argument<string> StoredModel() => new("NAME") { Description = "The model's name in blob storage." };

    /// <summary>A file that is made.</summary>
    public static Argument<string> NewFile() => new("OUT") { Description = "The GGUF file that is written." };

    /// <summary>Whether a file that is there is replaced.</summary>
    public static Option<bool> Force() => new("--force") { Description = "Replace OUT where it exists." };

    /// <summary>How matrices are stored.</summary>
    public static Option<WeightType?> WeightType(string description) => Values.Choice("--type", description, [.. WeightTypes.Words]);

    /// <summary>How to answer.</summary>
    public static Option<string?> System(string description) => Values.Text("--system", description);

    /// <summary>One JSON document on stdout.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document and nothing else." };

    /// <summary>Whether what the model's files say of sampling counts: it does unless this is <see cref="NoGenerationConfig"/>.</summary>
    public static Option<string?> GenerationConfig() => Values.Word(
        "--generation-config", "Take top-k, top-p, min-p and the repetition penalty from the model's files where the command says nothing (without it: auto).", "auto|none",
        "auto and none", word => word is "auto" or NoGenerationConfig);

    /// <summary>How numbers are kept in the KV cache.</summary>
    public static Option<KvCacheType?> KvCache() => Values.Choice(
        "--kv", KvCacheDescription, KvCacheTypes);

    /// <summary>Which device computes.</summary>
    public static Option<string?> Device() => Values.Text("--device", "Which device: part of its name, or its number in `gemma2 devices`.", "NAME");

    /// <summary>Which families of matrix kernels may be used.</summary>
    public static Option<KernelOptions?> Kernels() => Values.Parsed(
        "--kernels",
        "Which matrix kernels: one family, or a minus before each to leave out (without it: what fits the device).",
        "FAMILIES",
        KernelOptions.Allowed,
        KernelOptions.TryParse);

    /// <summary>Whether to tell what the start took.</summary>
    public static Option<bool> Startup() => new("--startup") { Description = "Draw on stderr, at the end, what the start waited for." };

    /// <summary>How long a sequence may get.</summary>
    public static Option<int?> Context() => Values.Number<int>(
        "--context", "Longest prompt plus answer, in tokens (without it: the model's own limit, at most 8192).", "1 or more", n => n >= 1);

    /// <summary>Makes it bad usage to give none or several of <paramref name="options"/>.</summary>
    public static void RequireOneOf(this Command command, params Option[] options) => command.Validators.Add(result =>
    {
        if (Given(result, options) != 1) result.AddError($"Give exactly one of {Names(options)}.");
    });

    /// <summary>Makes it bad usage to give several of <paramref name="options"/>.</summary>
    public static void AllowAtMostOneOf(this Command command, params Option[] options) => command.Validators.Add(result =>
    {
        if (Given(result, options) > 1) result.AddError($"Give at most one of {Names(options)}.");
    });

    private static int Given(CommandResult result, Option[] options) => options.Count(option => result.GetResult(option) is not null);

    private static string Names(Option[] options) => string.Join(", ", options.Select(option => option.Name));
}
