namespace Gemma2.Backend.Text.Jinja;

/// <summary>
/// A text of which is known what came with a message and what the template wrote. The parts that are joined, cut out, split, stripped or replaced keep their
/// track; of what is made anew (as JSON, in a list's own form, in letters that have another length) all counts as content as soon as some of it does.
/// </summary>
internal sealed class JinjaText
{
    /// <summary>No text.</summary>
    public static readonly JinjaText Empty = Of("");

    private readonly (int Start, int End)[] _content;

    internal JinjaText(string value, (int Start, int End)[] content)
    {
        (Value, _content) = (value, content);
        Length = value.Length - PairsIn(value);
    }

    /// <summary>The text.</summary>
    public string Value { get; }

    /// <summary>Its length as Python counts it: by code points.</summary>
    public int Length { get; }

    /// <summary>Whether some of it came with a message.</summary>
    public bool HasContent => _content.Length > 0;

    /// <summary>What came with a message: sorted, no two touch.</summary>
    public ReadOnlySpan<(int Start, int End)> ContentRanges => _content;

    private bool HasPairs => Length < Value.Length;

    /// <summary>A text of the template.</summary>
    public static JinjaText Of(string value) => new(value, []);

    /// <summary>A text of which all or nothing came with a message.</summary>
    public static JinjaText Of(string value, bool isContent) => new(value, isContent && value.Length > 0 ? [(0, value.Length)] : []);

    /// <summary>A part of it, by its chars.</summary>
    public JinjaText Cut(int start, int end)
    {
        if (start == 0 && end == Value.Length) return this;
        List<(int, int)> content = [];
        for (int i = FirstBehind(start); i < _content.Length && _content[i].Start < end; i++)
            if (start < end) content.Add((Math.Max(_content[i].Start, start) - start, Math.Min(_content[i].End, end) - start));
        return new JinjaText(Value[start..end], [.. content]);
    }

    /// <summary>The text in other letters. The track is kept where they are as many.</summary>
    public JinjaText Map(Func<string, string> map)
    {
        string mapped = map(Value);
        return mapped.Length == Value.Length ? new JinjaText(mapped, _content) : Of(mapped, HasContent);
    }

    /// <summary>The place in <see cref="Value"/> of a code point; its end for what lies behind.</summary>
    public int PlaceOf(int codePoint)
    {
        if (!HasPairs) return Math.Min(codePoint, Value.Length);
        int at = 0;
        for (; codePoint > 0 && at < Value.Length; codePoint--) at += char.IsHighSurrogate(Value[at]) && at + 1 < Value.Length && char.IsLowSurrogate(Value[at + 1]) ? 2 : 1;
        return at;
    }

    /// <summary>Its characters.</summary>
    public IEnumerable<JinjaText> Characters()
    {
        for (int at = 0, next; at < Value.Length; at = next)
        {
            next = char.IsHighSurrogate(Value[at]) && at + 1 < Value.Length && char.IsLowSurrogate(Value[at + 1]) ? at + 2 : at + 1;
            yield return Cut(at, next);
        }
    }

    private static int PairsIn(string value)
    {
        int pairs = 0;
        for (int at = value.AsSpan().IndexOfAnyInRange('\uD800', '\uDBFF'); at >= 0 && at + 1 < value.Length; at++)
            if (char.IsSurrogatePair(value[at], value[at + 1])) pairs++;
        return pairs;
    }

    private int FirstBehind(int place)
    {
        int low = 0, high = _content.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_content[middle].End > place) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    /// <summary>The text.</summary>
    public override string ToString() => Value;
}
