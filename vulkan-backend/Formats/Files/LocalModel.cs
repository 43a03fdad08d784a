namespace Gemma2.Backend.Formats.Files;

/// <summary>Models that lie on this machine.</summary>
public static class LocalModel
{
    /// <summary>What a path to a model may lead to, for messages.</summary>
    public const string Allowed = "a Hugging Face folder (config.json and safetensors), a .gguf file or a folder of one";

    /// <summary>The model that a path leads to.</summary>
    /// <returns>Null where there is nothing.</returns>
    /// <exception cref="ModelException">It is a file of another kind.</exception>
    public static IModelSource? Find(string path)
    {
        if (Directory.Exists(path)) return new FolderModelSource(path);
        if (!File.Exists(path)) return null;
        CheckGguf(path);
        return new FileModelSource(path);
    }

    /// <summary>Whether a file is GGUF, or should be by its name: Ollama and others keep such files under names without extension.</summary>
    public static bool IsGguf(string path) => path.EndsWith(GgufFiles.Extension, StringComparison.OrdinalIgnoreCase) || FileContents.IsGguf(Begin(path));

    /// <summary>Looks at a file that is said to be a model by itself.</summary>
    /// <exception cref="ModelException">It is of another kind than <see cref="IsGguf"/> takes; the message says of which.</exception>
    public static void CheckGguf(string path)
    {
        if (IsGguf(path)) return;
        byte[] begin = Begin(path);
        long length = new FileInfo(path).Length;
        throw new ModelException(FileContents.IsSafetensors(begin, length)
            ? $"'{path}' is a safetensors file: give the folder that holds it and its config.json."
            : FileContents.DescribeOther(begin, length) is { } what
                ? $"'{path}' is a file that holds no model: it {what}"
                : $"'{path}' is a file that holds no model; supported are {Allowed}.");
    }

    /// <summary>Looks at a file that is said to be a tokenizer by itself.</summary>
    /// <exception cref="ModelException">It is empty, or stands for another one: a git-lfs pointer, a page that says why there is none.</exception>
    public static void CheckTokenizer(string path)
    {
        byte[] begin = Begin(path);
        if ((begin.Length == 0 ? "is empty." : FileContents.DescribePlaceholder(begin)) is { } what) throw new ModelException($"'{path}' {what}");
    }

    private static byte[] Begin(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] begin = new byte[FileContents.PrefixBytes];
            return begin[..file.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"'{path}' cannot be read: {error.Message}", error);
        }
    }
}
