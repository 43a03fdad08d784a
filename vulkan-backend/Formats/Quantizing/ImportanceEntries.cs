using Gemma2.Backend.Config;

namespace Gemma2.Backend.Formats.Quantizing;

/// <summary>Gathers what a file says about matrices.</summary>
/// <param name="path">The file, for messages.</param>
internal sealed class ImportanceEntries(string path)
{
    /// <summary>What an input counts at least, beside a mean of 1: one that was never used may be used yet.</summary>
    private const float Least = 1e-6f;

    private readonly Dictionary<string, float[]> _byName = new(StringComparer.Ordinal);

    /// <summary>The importance of each column, by matrices' names.</summary>
    public IReadOnlyDictionary<string, float[]> ByName => _byName;

    /// <summary>Adds a matrix; nothing where all sums are 0.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="sums">A sum of squares for each column, all of as many inputs.</param>
    /// <exception cref="ModelException">It is there twice, or a sum is none of squares.</exception>
    public void Add(string name, ReadOnlySpan<float> sums)
    {
        double total = 0;
        foreach (float sum in sums) total += sum >= 0 && float.IsFinite(sum) ? sum : throw Error(name, $"holds the sum of squares {sum}.");
        float[] importance = new float[sums.Length];
        for (int i = 0; i < sums.Length; i++) importance[i] = Math.Max(Least, (float)(sums[i] / total * sums.Length));
        if (total > 0 && !_byName.TryAdd(name, importance)) throw Error(name, "is there twice.");
    }

    /// <summary>The error for a matrix in this file.</summary>
    public ModelException Error(string name, string message) => new($"{path}: {ModelJson.Show(name)} {message}");
}
