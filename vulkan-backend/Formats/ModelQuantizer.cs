using Gemma2.Backend.Adapters;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Gguf;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors.Quantization;

namespace Gemma2.Backend.Formats;

/// <summary>Writes a model as GGUF, its matrices quantized.</summary>
public static class ModelQuantizer
{
    /// <summary>Reads a model once, from begin to end, and writes it in another type. The model is never whole in memory.</summary>
    /// <param name="source">The model.</param>
    /// <param name="options">What becomes of its matrices.</param>
    /// <param name="file">Takes the GGUF file.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops it; the file is not whole then.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="ModelException">
    /// The model is not usable, is quantized already in another type, or holds what GGUF or the type cannot; or what was asked for is about another model.
    /// </exception>
    public static async Task<WrittenModel> WriteAsync(
        IModelSource source, QuantizeOptions options, Stream file, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        await using OpenModel model = await ModelReader.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        if (model.Tokenizer is null) throw new ModelException($"{source.Name}: has no tokenizer, which a GGUF file holds too.");
        AdapterSet adapters = await AdapterSet.LoadAsync(options.Adapters, model, cancellationToken).ConfigureAwait(false);
        QuantizationPlan plan = new(model, source.Name, options);
        IReadOnlyList<KeyValuePair<string, object>> keys = GgufModelKeys.Of(
            model.Config, model.Tokenizer.Vocabulary, source.Name, options.Type, model.Description.Sampling, model.Description.ChatTemplate?.Text.Jinja);
        GgufFileSink sink = new(file, [.. keys, .. plan.Keys]);
        QuantizingSink quantizing = new(sink, plan.TypeOf, plan.ImportanceOf, options.AllowRequantize);
        await model.ReadAsync(adapters.Before(quantizing, widens: true), progress, cancellationToken: cancellationToken).ConfigureAwait(false);
        return WrittenModel.Of(sink.Tensors, plan.Notes);
    }
}
