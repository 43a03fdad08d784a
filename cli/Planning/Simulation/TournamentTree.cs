namespace Gemma2.Cli.Planning.Simulation;

/// <summary>
/// Keeps a number for each of a growing set of indices and knows the smallest: changing one takes logarithmic time. Of equal ones the lowest index wins, so that
/// the outcome never depends on history.
/// </summary>
internal sealed class TournamentTree
{
    private int _leaves = 1;
    private double[] _tree = [0, double.PositiveInfinity];

    /// <summary>The smallest number; infinity where nothing is set.</summary>
    public double Lowest => _tree[1];

    /// <summary>The index that has the smallest number.</summary>
    public int LowestIndex
    {
        get
        {
            int node = 1;
            while (node < _leaves) node = _tree[2 * node] <= _tree[(2 * node) + 1] ? 2 * node : (2 * node) + 1;
            return node - _leaves;
        }
    }

    /// <summary>Sets the number of an index.</summary>
    public void Set(int index, double value)
    {
        while (index >= _leaves) Grow();
        int node = index + _leaves;
        _tree[node] = value;
        for (node /= 2; node >= 1; node /= 2) _tree[node] = Math.Min(_tree[2 * node], _tree[(2 * node) + 1]);
    }

    private void Grow()
    {
        double[] values = _tree[_leaves..];
        _leaves *= 2;
        _tree = new double[2 * _leaves];
        Array.Fill(_tree, double.PositiveInfinity);
        values.CopyTo(_tree, _leaves);
        for (int node = _leaves - 1; node >= 1; node--) _tree[node] = Math.Min(_tree[2 * node], _tree[(2 * node) + 1]);
    }
}
