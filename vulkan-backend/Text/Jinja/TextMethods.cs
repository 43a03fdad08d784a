namespace Gemma2.Backend.Text.Jinja;

/// <summary>The methods of Python's <c>str</c> that templates use.</summary>
internal static class TextMethods
{
    /// <summary>A method.</summary>
    public static JinjaFunction? Find(JinjaText text, string name) => name switch
    {
        "strip" => call => Strip(text, Chars(call), true, true),
        "lstrip" => call => Strip(text, Chars(call), true, false),
        "rstrip" => call => Strip(text, Chars(call), false, true),
        "upper" => call => Map(text, call, value => value.ToUpperInvariant()),
        "lower" or "casefold" => call => Map(text, call, value => value.ToLowerInvariant()),
        "title" => call => Map(text, call, Title),
        "capitalize" => call => Map(text, call, Capitalize),
        "swapcase" => call => Map(text, call, value => string.Concat(value.Select(c => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)))),
        "startswith" => call => Any(call, text.Value.StartsWith),
        "endswith" => call => Any(call, text.Value.EndsWith),
        "removeprefix" => call => call.Text(0, "prefix").Value is var cut && text.Value.StartsWith(cut, StringComparison.Ordinal) ? text.Cut(cut.Length, text.Value.Length) : text,
        "removesuffix" => call => call.Text(0, "suffix").Value is var cut && text.Value.EndsWith(cut, StringComparison.Ordinal) ? text.Cut(0, text.Value.Length - cut.Length) : text,
        "split" => call => Split(text, call, fromEnd: false),
        "rsplit" => call => Split(text, call, fromEnd: true),
        "splitlines" => call => new JinjaList([.. Lines(text, call.Run)]),
        "replace" => call => Replace(text, call.Text(0, "old"), call.Text(1, "new"), call.Integer(2, "count", -1), call.Run),
        "join" => call => Join(text, JinjaFilters.Elements(call.Need(0, "iterable"), call), call),
        "find" => call => (long)Place(text, text.Value.IndexOf(Sought(text, call).Value, StringComparison.Ordinal)),
        "rfind" => call => (long)Place(text, text.Value.LastIndexOf(Sought(text, call).Value, StringComparison.Ordinal)),
        "index" => call => text.Value.IndexOf(Sought(text, call).Value, StringComparison.Ordinal) is >= 0 and var at ? (long)Place(text, at) : throw call.Error("the text is not found"),
        "count" => call => Count(text, call),
        "isdigit" or "isdecimal" or "isnumeric" => _ => All(text, char.IsDigit),
        "isalpha" => _ => All(text, char.IsLetter),
        "isalnum" => _ => All(text, char.IsLetterOrDigit),
        "isspace" => _ => All(text, Python.IsWhiteSpace),
        "isupper" => _ => JinjaTests.IsUpper(text.Value),
        "islower" => _ => JinjaTests.IsLower(text.Value),
        "format" or "encode" or "partition" or "rpartition" or "zfill" or "center" or "ljust" or "rjust" or "translate" or "expandtabs" or "format_map" => NotSupported,
        _ => null,
    };

    /// <summary>Takes characters off the ends; white space where none are named.</summary>
    public static JinjaText Strip(JinjaText text, string? chars, bool atStart, bool atEnd)
    {
        int start = 0, end = text.Value.Length;
        while (atStart && start < end && IsOneOf(text.Value[start], chars)) start++;
        while (atEnd && end > start && IsOneOf(text.Value[end - 1], chars)) end--;
        return text.Cut(start, end);
    }

    /// <summary>Every word with a capital.</summary>
    public static string Title(string value)
    {
        char[] letters = value.ToCharArray();
        for (int i = 0; i < letters.Length; i++)
            letters[i] = i > 0 && char.IsLetter(letters[i - 1]) ? char.ToLowerInvariant(letters[i]) : char.ToUpperInvariant(letters[i]);
        return new string(letters);
    }

    /// <summary>One capital, and small letters after it.</summary>
    public static string Capitalize(string value) => value.Length == 0 ? value : char.ToUpperInvariant(value[0]) + value[1..].ToLowerInvariant();

    /// <summary>The text in other letters.</summary>
    public static JinjaText Map(JinjaText text, JinjaCall call, Func<string, string> map)
    {
        call.Run.Write(text.Value.Length);
        return text.Map(map);
    }

    /// <summary>Puts one text in the place of another, at most so often; no number means everywhere.</summary>
    public static JinjaText Replace(JinjaText text, JinjaText old, JinjaText other, int most, JinjaRun run)
    {
        run.Search(text, old);
        var replaced = new JinjaTextBuilder(run);
        int done = 0;
        for (int at = 0; most != 0 && at <= text.Value.Length; most--)
        {
            at = text.Value.IndexOf(old.Value, at, StringComparison.Ordinal);
            if (at < 0) break;
            run.Step(1);
            replaced.Append(text.Cut(done, at)).Append(other);
            done = at + old.Value.Length;
            at = old.Value.Length == 0 ? at + 1 : done;
        }
        return replaced.Append(text.Cut(done, text.Value.Length)).Build();
    }

    /// <summary>The lines without their ends.</summary>
    public static IEnumerable<JinjaText> Lines(JinjaText text, JinjaRun run)
    {
        for (int at = 0, end; at < text.Value.Length; at = end)
        {
            run.Step(1);
            end = text.Value.AsSpan(at).IndexOfAny('\n', '\r') is >= 0 and var found ? at + found : text.Value.Length;
            yield return text.Cut(at, end);
            if (end < text.Value.Length) end += text.Value.AsSpan(end).StartsWith("\r\n") ? 2 : 1;
        }
    }

    /// <summary>Texts with another between them.</summary>
    public static JinjaText Join(JinjaText between, IReadOnlyList<object?> texts, JinjaCall call)
    {
        var joined = new JinjaTextBuilder(call.Run);
        for (int i = 0; i < texts.Count; i++)
        {
            if (i > 0) joined.Append(between);
            joined.Append(texts[i] as JinjaText ?? throw call.Error("what is joined must be texts"));
        }
        return joined.Build();
    }

    private static JinjaList Split(JinjaText text, JinjaCall call, bool fromEnd)
    {
        int most = call.Integer(1, "maxsplit", -1);
        if (most < 0) most = int.MaxValue;
        string? separator = call.Get(0, "sep") is null ? null : call.Run.Search(text, call.Text(0, "sep")).Value;
        if (separator == "") throw call.Error("texts are not split at nothing");
        List<(int Start, int End)> parts = separator is null ? Words(text.Value) : Parts(text.Value, separator);
        call.Run.Step(parts.Count);
        if (parts.Count - 1 > most)
        {
            // What is not split stays whole, white space at the text's end included.
            (int start, int end) = fromEnd ? (separator is null ? 0 : parts[0].Start, parts[^(most + 1)].End) : (parts[most].Start, separator is null ? text.Value.Length : parts[^1].End);
            parts = fromEnd ? [(start, end), .. parts[^most..]] : [.. parts[..most], (start, end)];
        }
        return new JinjaList([.. parts.Select(part => text.Cut(part.Start, part.End))]);
    }

    private static List<(int Start, int End)> Parts(string value, string separator)
    {
        List<(int, int)> parts = [];
        int start = 0;
        for (int at; (at = value.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; start = at + separator.Length) parts.Add((start, at));
        parts.Add((start, value.Length));
        return parts;
    }

    private static List<(int Start, int End)> Words(string value)
    {
        List<(int, int)> words = [];
        for (int at = 0; at < value.Length;)
        {
            if (Python.IsWhiteSpace(value[at]))
            {
                at++;
                continue;
            }
            int start = at;
            while (at < value.Length && !Python.IsWhiteSpace(value[at])) at++;
            words.Add((start, at));
        }
        return words;
    }

    private static bool Any(JinjaCall call, Func<string, StringComparison, bool> matches) => call.Need(0, "prefix") switch
    {
        JinjaText text => matches(text.Value, StringComparison.Ordinal),
        JinjaList list => list.Items.Any(item => item is JinjaText text && matches(text.Value, StringComparison.Ordinal)),
        _ => throw call.Error($"{call.Name} takes a text or several"),
    };

    private static long Count(JinjaText text, JinjaCall call)
    {
        string sub = Sought(text, call).Value;
        return sub.Length == 0 ? text.Length + 1 : Parts(text.Value, sub).Count - 1;
    }

    private static JinjaText Sought(JinjaText text, JinjaCall call) => call.Run.Search(text, call.Text(0, "sub"));

    private static int Place(JinjaText text, int at) => at < 0 ? at : text.Cut(0, at).Length;

    private static string? Chars(JinjaCall call) => call.Get(0, "chars") is null ? null : call.Text(0, "chars").Value;

    private static bool IsOneOf(char c, string? chars) => chars?.Contains(c) ?? Python.IsWhiteSpace(c);

    private static bool All(JinjaText text, Func<char, bool> has) => text.Value.Length > 0 && text.Value.All(has);

    private static object? NotSupported(JinjaCall call) => throw call.Error($"the method {call.Name} of texts is not supported");
}
