using System.Text.RegularExpressions;
using Gemma2.Backend;

namespace Gemma2.Storage.Models;

/// <summary>What a model and its files may be called: names become parts of blob names, so that nothing in them may act as a path.</summary>
public static partial class ModelName
{
    private const string Allowed = "allowed are at most 128 letters, digits, '.', '_' and '-', beginning and ending with a letter or digit";

    private const string BlobPrefix = "blob:";

    /// <summary>The name in <c>blob:NAME</c>, which stands for a model in storage where a folder could stand too; null for anything else.</summary>
    public static string? FromReference(string text) => text.StartsWith(BlobPrefix, StringComparison.Ordinal) ? text[BlobPrefix.Length..] : null;

    /// <summary>True for at most 128 letters, digits, '.', '_' and '-', beginning and ending with a letter or digit.</summary>
    public static bool IsValid(string name) => name.Length <= 128 && Pattern().IsMatch(name);

    /// <summary>Throws unless <see cref="IsValid"/>.</summary>
    /// <exception cref="ModelException">Says what is allowed.</exception>
    public static void Validate(string name)
    {
        if (!IsValid(name)) throw new ModelException($"The model name {Quote(name)} is not usable; {Allowed}.");
    }

    internal static void ValidateFile(string model, string file)
    {
        if (!IsValid(file)) throw new ModelException($"Model '{model}' has a file named {Quote(file)}; {Allowed}.");
    }

    /// <summary>A stranger's text on one line of a message: control characters escaped, cut where it is long.</summary>
    private static string Quote(string text) => System.Text.Json.JsonSerializer.Serialize(text.Length <= 60 ? text : text[..60] + "...", StorageJson.Default.String);

    [GeneratedRegex(@"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\z")]
    private static partial Regex Pattern();
}
