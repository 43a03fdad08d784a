using System.Globalization;
using Gemma2.Backend.Config;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>
/// generation_config.json: how a model's makers want it to be used. Read are end tokens and what <see cref="SamplingDefaults"/> has; as in vLLM, <c>do_sample</c> is not gone by:
/// whoever wants no chance asks for temperature 0. Source: GenerationConfig of https://github.com/huggingface/transformers.
/// </summary>
/// <param name="EndTokens">Tokens that end a generation beside those that config.json names.</param>
/// <param name="Sampling">How tokens are picked where a request says nothing.</param>
internal sealed record GenerationConfigFile(IReadOnlyList<int> EndTokens, SamplingDefaults Sampling)
{
    /// <summary>The file beside the weights.</summary>
    public const string FileName = "generation_config.json";

    private const int LongestFile = 1 << 20;
    private const int DeepestNesting = 16;

    /// <summary>Of what must be above 0.</summary>
    private const double Least = 1e-9;

    /// <summary>What a model says that has no such file.</summary>
    private static readonly GenerationConfigFile Nothing = new([], SamplingDefaults.None);

    /// <summary>What this engine does not have, with the value that asks for nothing.</summary>
    private static readonly (string Key, double Neutral)[] LeftAside =
    [
        ("num_beams", 1), ("num_beam_groups", 1), ("typical_p", 1), ("epsilon_cutoff", 0), ("eta_cutoff", 0), ("penalty_alpha", 0), ("no_repeat_ngram_size", 0),
        ("encoder_repetition_penalty", 1), ("encoder_no_repeat_ngram_size", 0), ("diversity_penalty", 0),
    ];

    /// <summary>Reads the file, where the model has it.</summary>
    /// <param name="source">The model.</param>
    /// <param name="listed">Its files and their lengths.</param>
    /// <param name="vocabulary">How many tokens the model has.</param>
    /// <param name="notes">Takes what was left aside.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">Names the key, its value and what is allowed.</exception>
    public static async Task<GenerationConfigFile> ReadAsync(
        IModelSource source, IReadOnlyDictionary<string, long> listed, int vocabulary, ICollection<string> notes, CancellationToken cancellationToken)
    {
        if (!listed.ContainsKey(FileName)) return Nothing;
        byte[] json = await ModelStream.ReadFileAsync(source, listed, FileName, LongestFile, cancellationToken);
        return Parse(json, $"{source.Name}/{FileName}", vocabulary, notes);
    }

    /// <summary>Reads the file's bytes.</summary>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    public static GenerationConfigFile Parse(ReadOnlyMemory<byte> json, string fileName, int vocabulary, ICollection<string> notes) =>
        ModelJson.Read(json, fileName, DeepestNesting, root => Read(new Gemma2ConfigKeys(root, fileName), vocabulary, notes));

    private static GenerationConfigFile Read(Gemma2ConfigKeys keys, int vocabulary, ICollection<string> notes)
    {
        keys.Flag("do_sample", byDefault: false);
        Note(keys, notes);
        return new GenerationConfigFile(Ends(keys, vocabulary, notes), new SamplingDefaults(
            keys.OptionalNumber("temperature", 0, 2),
            // Off is 0 for some tools, -1 for others.
            keys.OptionalInteger("top_k", -1, int.MaxValue) is { } most ? Math.Max(most, 0) : null,
            keys.OptionalNumber("top_p", Least, 1),
            keys.OptionalNumber("min_p", 0, 1),
            keys.OptionalNumber("repetition_penalty", Least, double.MaxValue)));
    }

    /// <summary>Tokens that the vocabulary does not have never come: files of a model with fewer tokens than Gemma 2's may name its tokens all the same.</summary>
    private static int[] Ends(Gemma2ConfigKeys keys, int vocabulary, ICollection<string> notes)
    {
        if (!keys.Has("eos_token_id")) return [];
        ILookup<bool, int> ends = keys.Tokens("eos_token_id", int.MaxValue, byDefault: 0).ToLookup(token => token < vocabulary);
        if (ends[false].Any()) notes.Add($"{keys.File}: eos_token_id names {string.Join(", ", ends[false])}; the vocabulary has {vocabulary} tokens, so these never come.");
        return [.. ends[true]];
    }

    private static void Note(Gemma2ConfigKeys keys, ICollection<string> notes)
    {
        foreach ((string key, double neutral) in LeftAside)
            if (keys.OptionalNumber(key, double.MinValue, double.MaxValue) is { } value && value != neutral)
                notes.Add(string.Create(CultureInfo.InvariantCulture, $"{keys.File}: {key} is {value}, which this engine does not have: it is left aside."));
        if (keys.Has("max_new_tokens")) notes.Add($"{keys.File}: max_new_tokens is left aside: how long an answer may get is the request's to say.");
    }
}
