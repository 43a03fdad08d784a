using Gemma2.Backend.Config;

namespace Gemma2.Backend.Cache;

/// <summary>Layers that see the same positions are a group: a block holds positions of all layers of one group.</summary>
internal sealed class LayerGroups
{
    private readonly int[] _groupOf;
    private readonly int[] _indexOf;

    public LayerGroups(Gemma2Config config)
    {
        int?[] windows = [.. config.Layers.Select(layer => layer.Window)];
        int?[] distinct = [.. windows.Distinct()];
        Windows = distinct;
        _groupOf = Array.ConvertAll(windows, window => Array.IndexOf(distinct, window));
        _indexOf = [.. _groupOf.Select((group, layer) => _groupOf.Take(layer).Count(other => other == group))];
        LayersOfLargest = _groupOf.GroupBy(group => group).Max(layers => layers.Count());
    }

    /// <summary>Of each group: how many positions a query sees, itself included; null for all.</summary>
    public IReadOnlyList<int?> Windows { get; }

    /// <summary>Layers of the group that has most: all blocks have room for these.</summary>
    public int LayersOfLargest { get; }

    /// <summary>The group of a layer.</summary>
    public int GroupOf(int layer) => _groupOf[layer];

    /// <summary>The layer's number within its group.</summary>
    public int IndexOf(int layer) => _indexOf[layer];
}
