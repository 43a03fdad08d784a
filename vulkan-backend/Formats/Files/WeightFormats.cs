namespace Gemma2.Backend.Formats.Files;

/// <summary>Which of a model's files hold weights where their names do not say it: Ollama calls a GGUF file sha256-..., others call any file .bin.</summary>
/// <param name="Gguf">Files that are GGUF.</param>
/// <param name="Safetensors">Files that are safetensors.</param>
/// <param name="Others">Files that hold weights of another format, or should hold some: what to say of each.</param>
internal sealed record WeightFormats(IReadOnlyList<string> Gguf, IReadOnlyList<string> Safetensors, IReadOnlyList<string> Others)
{
    // Of a model's other files; and of what trainers leave.
    private static readonly string[] _noWeights = [".json", ".jsonl", ".jinja", ".md", ".txt", ".model", ".py", ".sh", ".yaml", ".yml", ".log", ".png", ".jpg", ".gitattributes", ".lock"];

    // What a folder without weights of ours most likely has in their place.
    private static readonly string[] _foreign = [".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack", ".npz", ".safetensors", ".gguf", ".zip", ".tflite", ".task"];

    /// <summary>Reads the begin of every file that may be one.</summary>
    /// <exception cref="ModelException">A file cannot be read.</exception>
    public static async Task<WeightFormats> FindAsync(IModelSource source, IReadOnlyDictionary<string, long> listed, CancellationToken cancellationToken)
    {
        List<string> gguf = [], safetensors = [], others = [];
        foreach ((string file, long length) in listed.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            if (_noWeights.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)) continue;
            byte[] begin = new byte[Math.Min(length, FileContents.PrefixBytes)];
            await using (IModelFile opened = await source.OpenAsync(file, cancellationToken)) await opened.ReadAsync(0, begin, cancellationToken);
            if (FileContents.IsGguf(begin)) gguf.Add(file);
            else if (FileContents.IsSafetensors(begin, length)) safetensors.Add(file);
            else if (_foreign.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) && FileContents.DescribeOther(begin, length) is { } what) others.Add($"{source.Name}/{file}: {what}");
        }
        return new WeightFormats(gguf, safetensors, others);
    }
}
