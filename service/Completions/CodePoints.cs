namespace Gemma2.Service.Completions;

/// <summary>Lengths of texts as OpenAI counts them: in code points, where .NET counts two chars for one beyond U+FFFF.</summary>
internal static class CodePoints
{
    /// <summary>Code points of a text.</summary>
    public static int Count(string text)
    {
        int count = text.Length;
        foreach (char c in text)
            if (char.IsLowSurrogate(c)) count--;
        return count;
    }
}
