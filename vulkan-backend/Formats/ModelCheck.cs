using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats;

/// <summary>Finds out what is wrong with a model before its weights are brought anywhere.</summary>
public static class ModelCheck
{
    /// <summary>Reads every byte that loading would read, and keeps none.</summary>
    /// <param name="source">The model's files.</param>
    /// <param name="adapters">The adapters that are added to its weights.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static async Task RunAsync(IModelSource source, IReadOnlyList<AdapterSource> adapters, CancellationToken cancellationToken = default)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        AdapterSet added = await AdapterSet.LoadAsync(adapters, model, cancellationToken).ConfigureAwait(false);
        await model.ReadAsync(added.Before(new Nowhere(), widens: false), cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    private sealed class Nowhere : ITensorSink
    {
        public void Begin(IReadOnlyList<TensorEntry> tensors)
        {
        }

        public void Write(TensorEntry tensor, long offset, ReadOnlySpan<byte> data)
        {
        }
    }
}
