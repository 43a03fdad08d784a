using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>What becomes of each matrix of a model that is written.</summary>
internal sealed class QuantizationPlan
{
    /// <summary>llama-imatrix has no entry for these: the embedding is looked up, and entries of the output matrix are made by request only.</summary>
    private static readonly string[] SeldomMeasured = ["token_embd.weight", "output.weight"];

    private readonly QuantizeOptions _options;
    private readonly WeightMix _mix;
    private readonly Dictionary<string, TensorType> _overrides = new(StringComparer.Ordinal);
    private readonly List<string> _notes = [];

    /// <summary>Makes a plan.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="options">What was asked for.</param>
    /// <exception cref="ModelException">An override means no matrix, or the importance matrix is one of another model.</exception>
    public QuantizationPlan(OpenModel model, string name, QuantizeOptions options)
    {
        _options = options;
        _mix = model.MixOf(options.Type, options.Pure, options.Importance is not null);
        TensorEntry[] matrices = [.. model.Tensors.Where(tensor => tensor.Shape.Count > 1)];
        foreach (TensorTypeOverride wanted in options.Overrides)
            foreach (TensorEntry matrix in wanted.Among(matrices)) _overrides.TryAdd(matrix.Name, wanted.Type);
        NoteRowsThatDoNotFit(matrices);
        if (options.Importance is { } importance) Check(importance, matrices, name);
    }

    /// <summary>What did not go as it was asked for.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The keys by which llama.cpp notes an importance matrix in a file.</summary>
    public IEnumerable<KeyValuePair<string, object>> Keys
    {
        get
        {
            if (_options.Importance is not { } importance) yield break;
            yield return new("quantize.imatrix.file", importance.File);
            if (importance.Dataset is { } dataset) yield return new("quantize.imatrix.dataset", dataset);
            yield return new("quantize.imatrix.entries_count", (uint)importance.Entries.Count);
            if (importance.Chunks > 0) yield return new("quantize.imatrix.chunks_count", (uint)importance.Chunks);
        }
    }

    /// <summary>The type that a tensor gets.</summary>
    public TensorType TypeOf(TensorEntry tensor) => tensor.Shape.Count == 1 ? tensor.Type : WeightMix.Fit(WantedOf(tensor), tensor.Shape[1]);

    /// <summary>How much each column of a matrix counts.</summary>
    /// <returns>Null where nothing is known.</returns>
    public float[]? ImportanceOf(TensorEntry tensor) => _options.Importance?.Entries.GetValueOrDefault(GgufNames.FromHuggingFace(tensor.Name));

    private TensorType WantedOf(TensorEntry matrix) => _overrides.TryGetValue(matrix.Name, out TensorType type) ? type : _mix.WantedOf(matrix.Name);

    private void NoteRowsThatDoNotFit(IEnumerable<TensorEntry> matrices)
    {
        foreach (var alike in matrices.Where(matrix => WantedOf(matrix) != TypeOf(matrix)).GroupBy(matrix => (Wanted: WantedOf(matrix), Type: TypeOf(matrix))))
        {
            string[] names = [.. alike.Select(matrix => GgufNames.FromHuggingFace(matrix.Name))];
            (string those, string whose) = names.Length == 1 ? ($"{names[0]} becomes", "its") : ($"{names.Length} matrices ({names[0]} ...) become", "their");
            _notes.Add($"{those} {alike.Key.Type} instead of {alike.Key.Wanted}: {whose} rows are no multiple of {alike.Key.Wanted.BlockElements()}.");
        }
    }

    private void Check(ImportanceMatrix importance, TensorEntry[] matrices, string name)
    {
        Dictionary<string, TensorEntry> byName = matrices.ToDictionary(matrix => GgufNames.FromHuggingFace(matrix.Name));
        foreach ((string entry, float[] columns) in importance.Entries)
        {
            string shown = $"{importance.File}: {ModelJson.Show(entry)}";
            if (!byName.TryGetValue(entry, out TensorEntry? matrix))
            {
                if (SeldomMeasured.Contains(entry)) continue;
                throw new ModelException($"{shown} is no matrix of {name}: it was measured with another model.");
            }
            if (columns.Length != matrix.Shape[1])
                throw new ModelException($"{shown} has {columns.Length} numbers, and rows of {name} have {matrix.Shape[1]}: it was measured with another model.");
        }

        string[] missing = [.. byName.Keys.Where(matrix => !importance.Entries.ContainsKey(matrix) && !SeldomMeasured.Contains(matrix))];
        if (missing.Length > 0) _notes.Add($"{importance.File} says nothing about {missing.Length} of {byName.Count} matrices ({missing[0]} ...): their scales are searched without it.");
        if (!matrices.Any(matrix => ImportanceOf(matrix) is not null && TypeOf(matrix) is var type && type.IsQuantized() && type != TensorType.Q8_0 && type != matrix.Type))
            _notes.Add($"{importance.File} changes nothing: no matrix of which it tells gets a type whose scales are searched.");
    }
}
