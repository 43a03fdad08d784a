namespace Gemma2.Grammars.Tools;

/// <summary>A function that the model may call.</summary>
/// <param name="Name">Letters, digits, <c>_</c> and <c>-</c>.</param>
/// <param name="Description">What it does; null where nobody said.</param>
/// <param name="Parameters">The JSON schema of its arguments, which are an object.</param>
public sealed record Tool(string Name, string? Description, string Parameters)
{
    /// <summary>Longest name in most APIs.</summary>
    public const int LongestName = 64;

    /// <summary>The schema of a function that takes no arguments.</summary>
    public const string NoParameters = """{"type":"object","properties":{},"additionalProperties":false}""";

    /// <summary>Whether a name is one that a function may have.</summary>
    public static bool IsName(string name, int longest = LongestName) => name.Length >= 1 && name.Length <= longest && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
}

/// <summary>What the model may do with its tools.</summary>
public enum ToolUse
{
    /// <summary>It may call some of them, or answer.</summary>
    Auto,

    /// <summary>It has to call one.</summary>
    Required,
}
