namespace Gemma2.Backend.Weights;

/// <summary>Opens models.</summary>
public static class ModelReader
{
    /// <summary>Reads a model's configuration, vocabulary and the headers of its weight files, and checks that they belong together. No data is read.</summary>
    /// <param name="source">Where the files come from: a model in Hugging Face's format (config.json and one or several safetensors files).</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is missing, malformed, does not fit the others or asks for what is not supported.</exception>
    public static async Task<OpenModel> OpenAsync(IModelSource source, CancellationToken cancellationToken = default)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken).ConfigureAwait(false);
        return await SafetensorsModel.OpenAsync(source, listed, cancellationToken).ConfigureAwait(false);
    }
}
