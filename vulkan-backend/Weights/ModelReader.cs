using Gemma2.Backend.Model;
using Gemma2.Backend.Serving;

namespace Gemma2.Backend.Weights;

/// <summary>Reads a model in Hugging Face's format: config.json and one or several safetensors files.</summary>
public static class ModelReader
{
    private const string ConfigFile = "config.json";
    private const int LongestConfig = 1 << 20;
    private const int BufferLength = 4 << 20;

    /// <summary>Reads the model's configuration.</summary>
    /// <exception cref="ModelException">config.json is missing, malformed or asks for what is not supported.</exception>
    public static async Task<Gemma2Config> ReadConfigAsync(IModelSource source, CancellationToken cancellationToken = default)
    {
        IReadOnlyDictionary<string, long> listed = await source.ListAsync(cancellationToken);
        byte[] json = await ModelStream.ReadFileAsync(source, listed, ConfigFile, LongestConfig, cancellationToken);
        return Gemma2Config.Parse(json, $"{source.Name}/{ConfigFile}");
    }

    /// <summary>Reads the headers of all weight files and checks them as <see cref="ReadAsync"/> does, but no data: hashes are not checked.</summary>
    /// <returns>The tensors that <see cref="ReadAsync"/> would read, in its order.</returns>
    /// <exception cref="ModelException">A weight file is missing, malformed, or does not fit the configuration.</exception>
    public static async Task<IReadOnlyList<TensorEntry>> ReadTensorsAsync(IModelSource source, Gemma2Config config, CancellationToken cancellationToken = default)
    {
        await using WeightFiles files = await WeightFiles.OpenAsync(source, config, cancellationToken);
        return [.. files.Tensors.Where(IsUsed)];
    }

    /// <summary>
    /// Reads all weights. First the headers of all files, which must fit the configuration; then the data of one file after the other,
    /// each to its last byte, through one small buffer.
    /// </summary>
    /// <param name="source">Where the files come from.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="sink">Takes the tensors.</param>
    /// <param name="progress">Told how far the reading is.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">
    /// A weight file is missing, malformed, damaged, or does not fit the configuration. The sink may hold a part of the data by then.
    /// </exception>
    public static async Task ReadAsync(
        IModelSource source, Gemma2Config config, ITensorSink sink, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        await using WeightFiles files = await WeightFiles.OpenAsync(source, config, cancellationToken);
        sink.Begin([.. files.Tensors.Where(IsUsed)]);

        long total = files.Tensors.Sum(tensor => tensor.Length), loaded = 0;
        byte[] buffer = new byte[BufferLength];
        foreach (WeightFile file in files.Files)
        {
            await file.ReadDataAsync(buffer, (tensor, offset, piece) =>
            {
                if (IsUsed(tensor)) sink.Write(tensor, offset, piece.Span);
                loaded += piece.Length;
                progress?.Report(new LoadProgress(loaded, total));
            }, cancellationToken);
        }
    }

    /// <summary>The second copy of the embedding takes no memory: Gemma 2 multiplies with the first.</summary>
    private static bool IsUsed(TensorEntry tensor) => tensor.Name != TensorNames.TiedHead;
}
