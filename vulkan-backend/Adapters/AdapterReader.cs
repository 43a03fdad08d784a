using Gemma2.Backend.Config;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Adapters;

/// <summary>Reads an adapter of any format.</summary>
internal static class AdapterReader
{
    /// <summary>Reads an adapter into memory: nothing before all names and shapes are known to fit the model.</summary>
    /// <exception cref="ModelException">Names the file and what is wrong in it.</exception>
    public static async Task<LoadedAdapter> ReadAsync(AdapterSource source, Gemma2Config config, CancellationToken cancellationToken)
    {
        IModelSource files = source.Files;
        IReadOnlyDictionary<string, long> listed = await files.ListAsync(cancellationToken).ConfigureAwait(false);
        if (listed.ContainsKey(PeftConfig.FileName)) return await PeftAdapter.ReadAsync(source, listed, config, cancellationToken).ConfigureAwait(false);
        return GgufFiles.Find(listed, files.Name) is [var only]
            ? await GgufAdapter.ReadAsync(source, only, listed[only], config, cancellationToken).ConfigureAwait(false)
            : throw new ModelException($"{files.Name}: is no LoRA adapter: it has neither {PeftConfig.FileName} nor one {GgufFiles.Extension} file.");
    }

    /// <summary>Puts the matrices of an adapter together, checks them against the model, and reads them.</summary>
    /// <param name="header">The adapter's weight file.</param>
    /// <param name="parts">What each of its tensors is.</param>
    /// <param name="config">The model's numbers.</param>
    /// <param name="scale">What all of it is multiplied by.</param>
    /// <param name="factorOf">What a product is multiplied by beside, from A and the rank.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public static async Task<IReadOnlyList<AdapterUpdate>> ReadUpdatesAsync(
        AdapterFile header, IReadOnlyList<AdapterPart> parts, Gemma2Config config, double scale, Func<AdapterPart, int, double> factorOf, CancellationToken cancellationToken)
    {
        AdapterTarget[] targets = AdapterTarget.Of(header, parts, config);
        double[] factors = Array.ConvertAll(targets, target => target.Right is null ? 0 : scale * factorOf(target.Right, (int)target.Right.Shape[0]));
        IReadOnlyDictionary<TensorEntry, AdapterMatrix> read = await header.ReadAsync(cancellationToken).ConfigureAwait(false);
        AdapterMatrix Matrix(AdapterPart part) => part.IsTransposed ? read[part.Tensor].Transposed() : read[part.Tensor];

        List<AdapterUpdate> updates = [];
        foreach ((AdapterTarget target, double factor) in targets.Zip(factors))
        {
            if (target.Whole is { } whole) updates.Add(new WholeUpdate(target.Name, Matrix(whole), whole.Tensor.HoldsFactor, scale));
            if (target.Right is not null) updates.Add(new LowRankUpdate(target.Name, Matrix(target.Left!), Matrix(target.Right), factor));
        }
        return updates;
    }
}
