using System.CommandLine;
using System.Globalization;
using Gemma2.Backend.Adapters;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;
using Gemma2.Cli.Arguments;
using Gemma2.Cli.Models;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary><c>gemma2 inspect</c>: a model's configuration, tensors and the memory it needs. Reads configuration and headers, no weights.</summary>
internal static class InspectCommand
{
    private const long Gigabyte = 1_000_000_000;

    /// <summary>What an engine takes beside weights and caches, at most.</summary>
    private const long ActivationBytes = 600_000_000;

    /// <summary>Gigabytes that GPUs are sold with.</summary>
    private static readonly int[] DeviceSizes = [4, 6, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 141, 192, 288];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Argument<string> model = Shared.Model();
        Option<WeightType?> type = Shared.WeightType("Show what it is when its matrices are quantized while loading (without it: as the files have them).");
        Option<KvCacheType?> kv = Shared.KvCache();
        Option<int?> context = Shared.Context();
        Option<bool> json = Shared.Json();
        var adapters = new AdapterArguments();
        var command = new Command("inspect", "Show a model's configuration, tensors, and the device memory it needs.") { model, type, context, kv, json };
        adapters.AddTo(command);
        var template = new ChatTemplateArgument();
        template.AddTo(command);
        command.SetAction(async (parse, cancellationToken) =>
        {
            IModelSource source = ModelLocation.Open(parse.GetRequiredValue(model));
            ModelReport report = await ReadAsync(
                source, parse.GetValue(type), parse.GetValue(context), parse.GetValue(kv) ?? KvCacheType.Auto, adapters.Read(parse), template.Read(parse), cancellationToken);
            if (parse.GetValue(json)) StandardOutput.WriteJson(report, CliJson.Document.ModelReport);
            else Print(report);
        });
        return command;
    }

    private static async Task<ModelReport> ReadAsync(
        IModelSource source, WeightType? type, int? context, KvCacheType wanted, IReadOnlyList<AdapterSource> adapters, ChatTemplateText? template, CancellationToken cancellationToken)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken);
        if (template is not null) model.UseChatTemplate(template);
        AdapterSet added = await AdapterSet.LoadAsync(adapters, model, cancellationToken);
        (Gemma2Config config, IReadOnlyList<TensorEntry> tensors) = (model.Config, added.TensorsOf(model.TensorsAs(type)));
        KvCacheType kv = wanted.For(tensors.Select(tensor => tensor.Type));
        int length = context ?? Math.Min(config.MaxPositions, InferenceEngine.DefaultContextLength);
        MemoryEstimate memory = MemoryEstimate.Of(config, tensors, length, kv);
        const int sequences = 4;
        long needed = MemoryEstimate.Of(config, tensors, length, kv, sequences).TotalBytes + ActivationBytes;
        long parameters = tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size));
        return new ModelReport(source.Name, parameters, config,
            new MemoryReport(length, kv, memory.WeightBytes, memory.KvCacheBytes, memory.TotalBytes, SmallestDevice(needed), sequences), model.Description.Sampling,
            model.Description.ChatTemplate is { } chat ? new ChatTemplateReport(chat.Text.Origin, chat.IsGemmas, chat.TakesSystem, chat.Alternates, chat.Problem, chat.Text.Jinja) : null,
            model.Description.Notes, added.Adapters, tensors);
    }

    /// <returns>Gigabytes; null where none is large enough.</returns>
    private static int? SmallestDevice(long needed) => DeviceSizes.Cast<int?>().FirstOrDefault(size => size * Gigabyte >= needed);

    private static void Print(ModelReport report)
    {
        Tables.Print([report.Model, ""], Facts(report));
        foreach (string note in report.Notes) Console.WriteLine($"Note: {note}");
        Console.WriteLine();
        Tables.Print(["tensor", "type", "shape", "size", "file"], report.Tensors.Select(Row));
    }

    private static IEnumerable<IReadOnlyList<string>> Facts(ModelReport report)
    {
        Gemma2Config config = report.Config;
        MemoryReport memory = report.Memory;
        yield return ["parameters", Text(report.Parameters)];
        yield return ["vocabulary", Text(config.VocabularySize)];
        yield return ["layers", $"{config.LayerCount}: {string.Join(", ", config.Layers.GroupBy(layer => layer.Window).Select(Layers))}"];
        yield return ["heads", $"{config.HeadCount} of width {config.HeadDimension}, {config.KeyValueHeadCount} for keys and values"];
        yield return ["hidden size", Text(config.HiddenSize)];
        yield return ["feed-forward size", Text(config.IntermediateSize)];
        yield return ["query scale", $"{Text(config.QueryPreAttentionScalar)} ^ -1/2"];
        yield return ["softcaps", $"attention {Text(config.AttentionSoftcap)}, logits {Text(config.FinalSoftcap)}"];
        yield return ["RoPE base, norm epsilon", $"{Text(config.RopeTheta)}, {Text(config.RmsNormEpsilon)}"];
        yield return ["longest sequence", Text(config.MaxPositions)];
        yield return ["begin and end tokens", $"{config.BeginToken}; {string.Join(", ", config.EndTokens)}"];
        yield return ["sampling", Sampling(report.Sampling)];
        yield return ["chat template", report.ChatTemplate?.Describe() ?? "none, as the model has no vocabulary"];
        foreach (Adapter adapter in report.Adapters) yield return ["adapter", adapter.ToString()];
        yield return ["device memory", $"{Sizes.Describe(memory.TotalBytes)} = {Sizes.Describe(memory.WeightBytes)} weights "
            + $"+ {Sizes.Describe(memory.KvCacheBytes)} {memory.KvCacheType.ToString().ToLowerInvariant()} cache for one sequence of {memory.ContextLength}"];
        yield return ["fits a device of", $"{(memory.SmallestDeviceGigabytes is { } size ? $"{size} GB" : "no size that is known")}, "
            + $"with {memory.Sequences} sequences and all that computing needs beside"];
    }

    private static string Sampling(SamplingDefaults sampling)
    {
        (string Name, double? Value)[] all =
            [("temperature", sampling.Temperature), ("top_k", sampling.TopK), ("top_p", sampling.TopP), ("min_p", sampling.MinP), ("repetition_penalty", sampling.RepetitionPenalty)];
        string[] said = [.. all.Where(one => one.Value is not null).Select(one => $"{one.Name} {Text(one.Value!.Value)}")];
        return said.Length == 0 ? "the model's files say nothing" : $"{string.Join(", ", said)}, where a request says nothing";
    }

    private static string Layers(IGrouping<int?, LayerConfig> alike) =>
        $"{alike.Count()} {(alike.Key is int window ? $"with a window of {Text(window)}" : "that see everything")}";

    private static IReadOnlyList<string> Row(TensorEntry tensor) =>
        [tensor.Name, tensor.Type.ToString(), $"[{string.Join(", ", tensor.Shape)}]", Sizes.Describe(tensor.Length), tensor.File];

    private static string Text<T>(T number) where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);
}

/// <summary>What <c>gemma2 inspect --json</c> prints.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Parameters">Numbers in all tensors.</param>
/// <param name="Config">The configuration.</param>
/// <param name="Memory">Device memory for one sequence.</param>
/// <param name="Sampling">How tokens are picked where a request says nothing.</param>
/// <param name="ChatTemplate">How conversations become prompts; null without a vocabulary.</param>
/// <param name="Notes">What was left aside or taken for granted.</param>
/// <param name="Adapters">The LoRA adapters that are added.</param>
/// <param name="Tensors">All tensors that are loaded.</param>
internal sealed record ModelReport(
    string Model, long Parameters, Gemma2Config Config, MemoryReport Memory, SamplingDefaults Sampling, ChatTemplateReport? ChatTemplate, IReadOnlyList<string> Notes, IReadOnlyList<Adapter> Adapters,
    IReadOnlyList<TensorEntry> Tensors);

/// <summary>How conversations become prompts.</summary>
/// <param name="Origin">Where the template is from.</param>
/// <param name="IsGemmas">Whether it makes what Gemma 2's own template makes.</param>
/// <param name="TakesSystem">Whether a system message goes through as such; else it goes in front of the next user message.</param>
/// <param name="Alternates">Whether neighbours of one role become one message.</param>
/// <param name="Problem">Why no conversations are taken; null where they are.</param>
/// <param name="Template">The template.</param>
internal sealed record ChatTemplateReport(string Origin, bool IsGemmas, bool TakesSystem, bool Alternates, string? Problem, string Template)
{
    /// <summary>All of it but the template in a line.</summary>
    public string Describe() => Problem ?? $"{Origin}{(IsGemmas ? IsBuiltIn ? "" : ", which is Gemma 2's own" : $"; {Takes}")}";

    private bool IsBuiltIn => Origin == ChatTemplate.OwnOrigin;

    private string Takes => $"takes {(TakesSystem ? "" : "no ")}system messages{(Alternates ? ", and user and assistant in turn" : "")}";
}

/// <summary>Device memory for one sequence, without the small buffers for activations.</summary>
/// <param name="ContextLength">Longest prompt plus answer, in tokens.</param>
/// <param name="KvCacheType">How keys and values are kept.</param>
/// <param name="WeightBytes">The weights.</param>
/// <param name="KvCacheBytes">Keys and values.</param>
/// <param name="TotalBytes">All of it.</param>
/// <param name="SmallestDeviceGigabytes">
/// The smallest GPU that holds the model, so many sequences at their longest, and the buffers for activations; null where none does.
/// </param>
/// <param name="Sequences">So many sequences.</param>
internal sealed record MemoryReport(
    int ContextLength, KvCacheType KvCacheType, long WeightBytes, long KvCacheBytes, long TotalBytes, int? SmallestDeviceGigabytes, int Sequences);
