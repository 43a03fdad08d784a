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
        return path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
            ? new FileModelSource(path)
            : throw new ModelException($"'{path}' is a file that holds no model; supported are {Allowed}.");
    }
}
