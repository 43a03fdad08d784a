using Gemma2.Backend;

namespace Gemma2.Grammars;

/// <summary>A schema, regular expression or grammar cannot be used: the message says what in it, and what is allowed.</summary>
/// <param name="path">Where in the source: a JSON pointer into a schema (<c>/properties/a/pattern</c>), a line and column of a grammar; "" for all of it.</param>
/// <param name="message">One sentence for the user, without the path.</param>
public sealed class GrammarException(string path, string message) : Gemma2Exception(path.Length > 0 ? $"{path}: {message}" : message)
{
    /// <summary>Where in the source it is; "" for all of it.</summary>
    public string Path => path;
}
