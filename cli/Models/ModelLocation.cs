using Gemma2.Backend;
using Gemma2.Backend.Text;
using Gemma2.Backend.Weights;
using Gemma2.Storage;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Models;

/// <summary>Turns the MODEL of a command line into the place that its files come from.</summary>
internal static class ModelLocation
{
    /// <summary>A Hugging Face folder, or a model in blob storage.</summary>
    /// <exception cref="Gemma2Exception">MODEL is neither, or storage is not configured.</exception>
    public static IModelSource Open(string model)
    {
        if (ModelName.FromReference(model) is { } name) return OpenBlob(name);
        if (File.Exists(model)) throw new ModelException($"'{model}' is a file; supported are Hugging Face folders (config.json and safetensors) and blob:NAME.");
        if (!Directory.Exists(model)) throw new ModelException($"'{model}' does not exist; MODEL is a Hugging Face folder or blob:NAME.");
        return new FolderModelSource(model);
    }

    /// <summary>The vocabulary of a model, or of a bare tokenizer.model.</summary>
    /// <exception cref="Gemma2Exception">There is none, or it is not usable.</exception>
    public static async Task<GemmaTokenizer> LoadTokenizerAsync(string model, CancellationToken cancellationToken)
    {
        if (File.Exists(model))
        {
            await using FileStream file = File.OpenRead(model);
            return GemmaTokenizer.Load(file, model);
        }

        IModelSource source = Open(model);
        await using Stream stream = await source.OpenAsync(TokenizerReader.FileName, cancellationToken);
        return GemmaTokenizer.Load(stream, $"{source.Name}/{TokenizerReader.FileName}");
    }

    // Apart, so that Azure's libraries are loaded for blob:NAME only.
    private static BlobModelSource OpenBlob(string name) => new(StorageConnection.FromEnvironment(), name);
}
