using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>The adapters that are added to a model's weights, in their order.</summary>
public sealed class AdapterSet
{
    private static readonly IReadOnlyList<AdapterUpdate> Nothing = [];

    private readonly bool _addsHead;
    private readonly Dictionary<string, IReadOnlyList<AdapterUpdate>> _updates;

    /// <param name="adapters">The adapters.</param>
    /// <param name="isTied">Whether the model's embedding is its output matrix too.</param>
    internal AdapterSet(IReadOnlyList<LoadedAdapter> adapters, bool isTied)
    {
        Adapters = [.. adapters.Select(adapter => adapter.Description)];
        _updates = adapters.SelectMany(adapter => adapter.Updates).GroupBy(update => update.Target)
            .ToDictionary(target => target.Key, IReadOnlyList<AdapterUpdate> (target) => [.. target], StringComparer.Ordinal);
        if (!isTied) return;
        if (AreTheSame(Of(TensorNames.Embedding), Of(TensorNames.Head))) _updates.Remove(TensorNames.Head);
        else _addsHead = _updates.ContainsKey(TensorNames.Embedding) || _updates.ContainsKey(TensorNames.Head);
    }

    /// <summary>What the adapters are.</summary>
    public IReadOnlyList<Adapter> Adapters { get; }

    /// <summary>Reads adapters into memory.</summary>
    /// <param name="sources">Where they are. None is there twice: its scale says how strong it is.</param>
    /// <param name="model">The model that they are for.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">One of them is malformed, is not supported, or does not fit the model.</exception>
    public static async Task<AdapterSet> LoadAsync(IReadOnlyList<AdapterSource> sources, OpenModel model, CancellationToken cancellationToken = default)
    {
        List<LoadedAdapter> adapters = [];
        foreach (AdapterSource source in sources) adapters.Add(await AdapterReader.ReadAsync(source, model.Config, cancellationToken).ConfigureAwait(false));
        return new AdapterSet(adapters, isTied: model.Tensors.All(tensor => tensor.Name != TensorNames.Head));
    }

    /// <summary>A model's tensors as they are with the adapters. Where embedding and output matrix were one, and an adapter changes one of them, they are two.</summary>
    public IReadOnlyList<TensorEntry> TensorsOf(IReadOnlyList<TensorEntry> tensors) => !_addsHead
        ? tensors
        : [.. tensors.SelectMany(tensor => tensor.Name == TensorNames.Embedding ? [tensor, tensor with { Name = TensorNames.Head }] : (TensorEntry[])[tensor])];

    /// <summary>What is added to a tensor, in the order in which it is.</summary>
    internal IReadOnlyList<AdapterUpdate> Of(string tensor) => _updates.GetValueOrDefault(tensor, Nothing);

    /// <summary>A sink that adds all before it passes tensors on.</summary>
    /// <param name="next">Takes the tensors.</param>
    /// <param name="widens">Pass on what is changed as float32, for somebody who quantizes it; else in the type that it came in.</param>
    internal ITensorSink Before(ITensorSink next, bool widens) => _updates.Count == 0 ? next : new AdapterSink(next, this, widens);

    /// <summary>Adapters that were trained with both matrices may have the same copy of both.</summary>
    private static bool AreTheSame(IReadOnlyList<AdapterUpdate> embedding, IReadOnlyList<AdapterUpdate> head) =>
        (embedding, head) is ([WholeUpdate first], [WholeUpdate second]) && first.Factor == second.Factor && first.Trained.IsSameAs(second.Trained);
}
