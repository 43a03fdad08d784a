using Gemma2.Backend.Config;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Quantization;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Formats.Files;

/// <summary>A model whose headers are read and agree with each other, whatever the format of its files. Its weights can be read, once.</summary>
public sealed class OpenModel : IAsyncDisposable
{
    private const int BufferLength = 4 << 20;

    private readonly IReadOnlyList<WeightFile> _files;

    internal OpenModel(Gemma2Config config, GemmaTokenizer? tokenizer, IReadOnlyList<WeightFile> files)
    {
        (Config, Tokenizer, _files) = (config, tokenizer, files);
        Tensors = [.. files.SelectMany(file => file.Tensors).Where(IsUsed)];
    }

    /// <summary>The model's configuration.</summary>
    public Gemma2Config Config { get; }

    /// <summary>The model's vocabulary; null when it comes without one.</summary>
    public GemmaTokenizer? Tokenizer { get; }

    /// <summary>The tensors that the engine needs, in the order in which they are read.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The tensors as they are when matrices are stored in another type.</summary>
    /// <param name="type">What most matrices become; as in llama.cpp's presets, some get more bits. Null leaves all as they are.</param>
    /// <exception cref="ModelException">The model is quantized already, in another type.</exception>
    public IReadOnlyList<TensorEntry> TensorsAs(TensorType? type)
    {
        if (type is null) return Tensors;
        WeightMix mix = new(type.Value, Config);
        return [.. Tensors.Select(tensor => TensorConversion.Of(tensor, mix.TypeOf(tensor)))];
    }

    /// <summary>Reads all weights: the data of one file after the other, each to its last byte, through two small buffers.</summary>
    /// <param name="sink">Takes the tensors.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A weight file is damaged. The sink may hold a part of the data by then.</exception>
    public async Task ReadAsync(ITensorSink sink, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        sink.Begin(Tensors);
        long total = _files.Sum(file => file.Tensors.Sum(tensor => tensor.Length)), loaded = 0;
        byte[] first = new byte[BufferLength], second = new byte[BufferLength];
        foreach (WeightFile file in _files)
        {
            await file.ReadDataAsync((first, second), (tensor, offset, piece) =>
            {
                if (IsUsed(tensor)) sink.Write(tensor, offset, piece.Span);
                loaded += piece.Length;
                progress?.Report(new LoadProgress(loaded, total));
            }, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (WeightFile file in _files) await file.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The second copy of the embedding takes no memory: Gemma 2 multiplies with the first.</summary>
    private static bool IsUsed(TensorEntry tensor) => tensor.Name != TensorNames.TiedHead;
}
