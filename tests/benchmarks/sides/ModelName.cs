namespace Gemma2.Benchmarks.Sides;

/// <summary>How reports call a file.</summary>
internal static class ModelName
{
    /// <summary>The file's name; for <c>CASE/TYPE/model.gguf</c> of the golden data those of its folders.</summary>
    public static string Of(string file)
    {
        string name = Path.GetFileNameWithoutExtension(file);
        string? folder = Path.GetDirectoryName(file);
        return name == "model" ? $"{Path.GetFileName(Path.GetDirectoryName(folder))}/{Path.GetFileName(folder)}" : name;
    }
}
