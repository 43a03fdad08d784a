namespace Gemma2.Grammars.Tools;

/// <summary>Finds the end of a JSON object or array in text that comes character by character and is known to be JSON.</summary>
internal sealed class JsonDepth
{
    private int _depth;
    private bool _isText;
    private bool _isEscaped;

    /// <summary>True once the object has ended.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Begins anew.</summary>
    public void Reset() => (_depth, _isText, _isEscaped, IsOver) = (0, false, false, false);

    /// <summary>Takes the next character.</summary>
    public void Add(char c)
    {
        if (_isText)
        {
            if (_isEscaped) _isEscaped = false;
            else if (c == '\\') _isEscaped = true;
            else if (c == '"') _isText = false;
        }
        else if (c == '"') _isText = true;
        else if (c is '{' or '[') _depth++;
        else if (c is '}' or ']') IsOver = --_depth == 0;
    }
}
