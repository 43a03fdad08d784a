namespace Gemma2.Backend.Kernels.Matrix;

/// <summary>Results that a workgroup makes: <paramref name="Tokens"/> rows of activations by <paramref name="Rows"/> rows of weights.</summary>
internal readonly record struct MatrixTile(uint Tokens, uint Rows)
{
    /// <summary>Workgroups that keep a large GPU busy: about one for each of its processors.</summary>
    private const uint EnoughWorkgroups = 128;

    /// <summary>Workgroups along the tokens, and along the rows of all matrices that are multiplied at once.</summary>
    public (uint X, uint Y) Cover(int count, int rows) => (Grid.Cover(count, Tokens), Grid.Cover(rows, Rows));

    /// <summary>The largest tile that tokens fill more than half of and that leaves work for all processors; else the smallest.</summary>
    /// <param name="tiles">From the largest to the smallest.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="rows">Rows of all matrices.</param>
    public static MatrixTile Choose(IReadOnlyList<MatrixTile> tiles, int count, int rows)
    {
        foreach (MatrixTile tile in tiles)
        {
            (uint x, uint y) = tile.Cover(count, rows);
            if (count > tile.Tokens / 2 && x * y >= EnoughWorkgroups) return tile;
        }
        return tiles[^1];
    }
}
