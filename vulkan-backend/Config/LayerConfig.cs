namespace Gemma2.Backend.Config;

/// <summary>What differs from layer to layer; all other numbers are the same in every layer of a Gemma 2 and lie in <see cref="Gemma2Config"/>.</summary>
/// <param name="Window">Positions that a query sees: itself and those just before it. Null: all up to itself.</param>
public sealed record LayerConfig(int? Window)
{
    /// <summary>The layers of a Gemma 2 whose configuration does not list them: every second one, from the first, has a window.</summary>
    /// <param name="count">Number of layers.</param>
    /// <param name="window">The window.</param>
    public static IReadOnlyList<LayerConfig> Alternating(int count, int window)
    {
        (LayerConfig sliding, LayerConfig global) = (new(window), new((int?)null));
        return [.. Enumerable.Range(0, count).Select(layer => layer % 2 == 0 ? sliding : global)];
    }

    /// <summary>The first position that the query of a position sees.</summary>
    public int FirstVisible(int position) => Window is int window ? Math.Max(0, position - window + 1) : 0;
}
