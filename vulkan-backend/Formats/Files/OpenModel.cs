using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Files;

/// <summary>A model whose headers are read and agree with each other, whatever the format of its files. Its weights can be read, once.</summary>
public sealed class OpenModel : IAsyncDisposable
{
    private readonly IReadOnlyList<WeightFile> _files;

    internal OpenModel(ModelDescription description, IReadOnlyList<WeightFile> files)
    {
        (Description, _files) = (description, [.. files.OrderBy(FirstLayer)]);
        Tensors = [.. _files.SelectMany(file => file.Tensors)];
    }

    /// <summary>What the files say beside the weights.</summary>
    public ModelDescription Description { get; private set; }

    /// <summary>The model's configuration.</summary>
    public Gemma2Config Config => Description.Config;

    /// <summary>The model's vocabulary; null when it comes without one.</summary>
    public GemmaTokenizer? Tokenizer => Description.Tokenizer;

    /// <summary>The tensors that the engine needs, in the order in which they are read.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Makes prompts of conversations by another template than the one that came with the model.</summary>
    public void UseChatTemplate(ChatTemplateText text) =>
        Description = Description.WithChatTemplate(text with { Tokens = Description.ChatTemplate?.Text.Tokens ?? text.Tokens });

    /// <summary>The tensors as they are when matrices are stored in another type.</summary>
    /// <param name="type">What most matrices become; as in llama.cpp's presets, some get more bits. Null leaves all as they are.</param>
    /// <exception cref="ModelException">The model is quantized already, in another type.</exception>
    public IReadOnlyList<TensorEntry> TensorsAs(WeightType? type)
    {
        if (type is null) return Tensors;
        WeightMix mix = MixOf(type.Value);
        return [.. Tensors.Select(tensor => TensorConversion.Of(tensor, mix.TypeOf(tensor)))];
    }

    /// <summary>Which type each of this model's matrices gets.</summary>
    /// <param name="type">How the matrices are to be stored.</param>
    /// <param name="pure">Give all matrices the same type where their rows allow it.</param>
    /// <param name="hasImportance">Whether it is known which inputs matter.</param>
    internal WeightMix MixOf(WeightType type, bool pure = false, bool hasImportance = false) =>
        new(type, Config, pure, hasHead: Tensors.Any(tensor => tensor.Name == TensorNames.Head), hasImportance);

    /// <summary>Reads all weights: the data of one file after the other, each to its last byte, several blocks at once. The sink has begun when this returns its task.</summary>
    /// <param name="sink">Takes the tensors.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="options">How much memory may be taken; null: as ever.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A weight file is damaged. The sink may hold a part of the data by then.</exception>
    public async Task ReadAsync(ITensorSink sink, IProgress<LoadProgress>? progress = null, ReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        sink.Begin(Tensors);
        using var reader = new WeightReader(_files, sink, progress, options ?? new ReadOptions());
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (WeightFile file in _files) await file.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The file that a token needs first is read first, whatever its name.</summary>
    private static int FirstLayer(WeightFile file) => file.Tensors.Select(tensor => TensorNames.LayerOf(tensor.Name)).DefaultIfEmpty(-1).Min();
}
