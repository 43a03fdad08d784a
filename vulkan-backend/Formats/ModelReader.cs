using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Formats.Safetensors;

namespace Gemma2.Backend.Formats;

/// <summary>Opens models.</summary>
public static class ModelReader
{
    /// <summary>Reads a model's configuration, vocabulary and the headers of its weight files, and checks that they belong together. No data is read.</summary>
    /// <param name="source">
    /// Where the files come from: a model in Hugging Face's format (config.json and one or several safetensors files), or in GGUF. Files are known by what they hold where
    /// their names do not say it.
    /// </param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file is missing, malformed, does not fit the others or asks for what is not supported.</exception>
    public static async Task<OpenModel> OpenAsync(IModelSource source, CancellationToken cancellationToken = default)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken).ConfigureAwait(false);
        if (PeftAdapter.IsAlone(listed.Keys))
            throw new ModelException($"{source.Name}: is a LoRA adapter and no model; name its model, and add the adapter to that (--lora, Gemma2__Lora).");

        // A folder in Hugging Face's format may have GGUF files beside its own, and a folder of a GGUF file a config.json.
        if (listed.ContainsKey(SafetensorsModel.ConfigFile) && SafetensorsFiles.AreIn(listed))
            return await SafetensorsModel.OpenAsync(source, listed, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<string> gguf = GgufFiles.Find(listed, source.Name);
        if (gguf.Count > 0) return await GgufModel.OpenAsync(source, listed, gguf, cancellationToken).ConfigureAwait(false);

        WeightFormats formats = await WeightFormats.FindAsync(source, listed, cancellationToken).ConfigureAwait(false);
        if (listed.ContainsKey(SafetensorsModel.ConfigFile) && formats.Safetensors.Count > 0)
            return await SafetensorsModel.OpenAsync(source, listed, formats.Safetensors, cancellationToken).ConfigureAwait(false);
        gguf = GgufFiles.OneModel(formats.Gguf, listed.Keys, source.Name);
        if (gguf.Count > 0) return await GgufModel.OpenAsync(source, listed, gguf, cancellationToken).ConfigureAwait(false);
        if (formats.Others.Count > 0) throw new ModelException(formats.Others[0]);
        return await SafetensorsModel.OpenAsync(source, listed, cancellationToken).ConfigureAwait(false);
    }
}
