namespace Gemma2.Backend.Text.Jinja;

/// <summary>Python's <c>'%s of %d' % (a, b)</c>.</summary>
internal static class PythonFormat
{
    /// <summary>The text with the values in it.</summary>
    public static JinjaText Apply(JinjaText format, object? values, JinjaRun run, int line)
    {
        IReadOnlyList<object?> given = values is JinjaList { IsTuple: true } tuple ? tuple.Items : [values];
        var text = new JinjaTextBuilder(run);
        int used = 0, done = 0;
        for (int at = format.Value.IndexOf('%'); at >= 0; at = format.Value.IndexOf('%', done))
        {
            char kind = at + 1 < format.Value.Length ? format.Value[at + 1] : ' ';
            text.Append(format.Cut(done, at));
            done = at + 2;
            if (kind == '%') text.Append("%");
            else if (kind is not ('s' or 'd' or 'i' or 'r')) throw new JinjaException("of formats only %s, %d, %r and %% are supported", line);
            else if (used == given.Count) throw new JinjaException("a format has more places than values", line);
            else text.Append(Form(kind, given[used++], run, line));
        }
        if (used < given.Count) throw new JinjaException("a format has fewer places than values", line);
        return text.Append(format.Cut(done, format.Value.Length)).Build();
    }

    private static JinjaText Form(char kind, object? value, JinjaRun run, int line) => kind switch
    {
        'r' => new PythonForm(run).Write(value).Build(),
        's' => Python.ToText(value, run),
        _ when Python.IsNumber(value) && Math.Truncate(Python.ToDouble(value)) is >= long.MinValue and < long.MaxValue and var whole =>
            Python.ToText(value is long ? value : (long)whole, run),
        _ => throw new JinjaException($"%{kind} does not take a {Python.TypeOf(value)}", line),
    };
}
