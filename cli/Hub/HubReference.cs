using System.Text.RegularExpressions;

namespace Gemma2.Cli.Hub;

/// <summary>A model on the hub: <c>hf:OWNER/NAME[@REVISION][:FILE]</c>.</summary>
/// <param name="Repository">OWNER/NAME.</param>
/// <param name="Revision">A branch, a tag, or a commit.</param>
/// <param name="File">Which GGUF file of the repository, by its path or by the end of its name; null where there is but one model.</param>
internal sealed partial record HubReference(string Repository, string Revision, string? File)
{
    private const string Prefix = "hf:";

    /// <summary>The repository as a reference to it begins.</summary>
    public string Label => Prefix + Repository;

    /// <summary>The repository's name without its owner.</summary>
    public string Name => Repository[(Repository.IndexOf('/') + 1)..];

    /// <summary>Reads a reference.</summary>
    /// <returns>Null for what does not begin with <c>hf:</c>.</returns>
    /// <exception cref="HubException">It begins so, but names no model.</exception>
    public static HubReference? Parse(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        Match match = Form().Match(text);
        if (!match.Success) throw new HubException($"'{text}' names no model; expected is hf:OWNER/NAME, then @REVISION and :FILE where wanted.");
        string file = match.Groups["file"].Value;
        if (file.Split('/').Any(part => part is "." or "..")) throw new HubException($"'{text}' names no file of a repository.");
        string revision = match.Groups["revision"].Value;
        return new HubReference(match.Groups["repository"].Value, revision.Length > 0 ? revision : "main", file.Length > 0 ? file : null);
    }

    [GeneratedRegex(
        @"^hf:(?<repository>[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})(@(?<revision>[^\s\p{Cc}:@\\]{1,200}))?(:(?<file>[^\s\p{Cc}\\/:?#][^\p{Cc}\\:?#]{0,250}))?\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
