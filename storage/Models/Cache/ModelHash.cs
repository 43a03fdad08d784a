namespace Gemma2.Storage.Models.Cache;

/// <summary>A SHA-256 as text.</summary>
internal static class ModelHash
{
    /// <summary>True for 64 hexadecimal digits.</summary>
    public static bool IsValid(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigit);
}
