namespace Gemma2.Backend.Text.Jinja;

/// <summary>What has a value.</summary>
/// <param name="line">The template's line.</param>
internal abstract class JinjaExpression(int line)
{
    /// <summary>The template's line.</summary>
    public int Line => line;

    /// <summary>Its value.</summary>
    public abstract object? Evaluate(JinjaRun run);

    /// <summary>An error here.</summary>
    protected JinjaException Error(string message) => new(message, line);
}

/// <summary>A value that is written in the template.</summary>
internal sealed class LiteralExpression(object? value, int line) : JinjaExpression(line)
{
    public object? Value => value;

    public override object? Evaluate(JinjaRun run) => value;
}

/// <summary>A name.</summary>
internal sealed class NameExpression(string name, int line) : JinjaExpression(line)
{
    public string Name => name;

    public override object? Evaluate(JinjaRun run) => run.Scope.Find(name);
}

/// <summary><c>[a, b]</c> or <c>(a, b)</c></summary>
internal sealed class ListExpression(IReadOnlyList<JinjaExpression> items, bool isTuple, int line) : JinjaExpression(line)
{
    public IReadOnlyList<JinjaExpression> Items => items;

    public override object? Evaluate(JinjaRun run) => new JinjaList([.. items.Select(run.Evaluate)], isTuple);
}

/// <summary><c>{'a': b}</c></summary>
internal sealed class MapExpression(IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> entries, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) =>
        new JinjaMap(entries.Select(entry => new KeyValuePair<object?, object?>(run.Evaluate(entry.Key), run.Evaluate(entry.Value))));
}

/// <summary><c>a and b</c>, <c>a or b</c>: one of the two.</summary>
internal sealed class LogicExpression(JinjaExpression left, JinjaExpression right, bool isAnd, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run)
    {
        object? first = run.Evaluate(left);
        return Python.IsTrue(first) == isAnd ? run.Evaluate(right) : first;
    }
}

/// <summary><c>not a</c></summary>
internal sealed class NotExpression(JinjaExpression operand, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) => !Python.IsTrue(run.Evaluate(operand));
}

/// <summary><c>a if b else c</c></summary>
internal sealed class ConditionExpression(JinjaExpression condition, JinjaExpression value, JinjaExpression? otherwise, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) => Python.IsTrue(run.Evaluate(condition)) ? run.Evaluate(value)
        : otherwise is null ? new JinjaUndefined("the inline if has no else")
        : run.Evaluate(otherwise);
}

/// <summary><c>a &lt; b &lt;= c</c>, <c>a in b</c></summary>
internal sealed class CompareExpression(JinjaExpression first, IReadOnlyList<(string Operator, JinjaExpression Operand)> others, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run)
    {
        object? left = run.Evaluate(first);
        foreach ((string signs, JinjaExpression operand) in others)
        {
            object? right = run.Evaluate(operand);
            if (!JinjaOperators.Compare(signs, left, right, run, Line)) return false;
            left = right;
        }
        return true;
    }
}

/// <summary><c>a + b</c> and the like.</summary>
internal sealed class ArithmeticExpression(string signs, JinjaExpression left, JinjaExpression right, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) => JinjaOperators.Combine(signs, run.EvaluateDefined(left), run.EvaluateDefined(right), run, Line);
}

/// <summary><c>a ~ b ~ c</c></summary>
internal sealed class ConcatenationExpression(IReadOnlyList<JinjaExpression> parts, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run)
    {
        var text = new JinjaTextBuilder(run);
        foreach (JinjaExpression part in parts) text.Append(Python.ToText(run.Evaluate(part), run));
        return text.Build();
    }
}

/// <summary><c>-a</c> or <c>+a</c></summary>
internal sealed class SignExpression(JinjaExpression operand, bool isNegative, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) => run.EvaluateDefined(operand) switch
    {
        double number => (object)(isNegative ? -number : number),
        var value when Python.TryInteger(value, out long number) => isNegative ? unchecked(-number) : number,
        var value => throw Error($"a {Python.TypeOf(value)} has no sign"),
    };
}

/// <summary><c>a.b</c> or <c>a['b']</c></summary>
internal sealed class MemberExpression(JinjaExpression target, JinjaExpression key, bool isAttribute, int line) : JinjaExpression(line)
{
    public JinjaExpression Target => target;

    public JinjaExpression Key => key;

    public bool IsAttribute => isAttribute;

    public override object? Evaluate(JinjaRun run)
    {
        object? value = run.EvaluateDefined(target);
        if (value is JinjaText) run.Step(Python.WeightOf(value));
        return JinjaMembers.Find(value, run.Evaluate(key), isAttribute);
    }
}

/// <summary><c>a[b:c:d]</c></summary>
internal sealed class SliceExpression(JinjaExpression target, JinjaExpression? start, JinjaExpression? end, JinjaExpression? step, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run)
    {
        object? value = run.EvaluateDefined(target);
        run.Step(value is JinjaText ? Python.WeightOf(value) : 1);
        (long? from, long? to, long? by) = (Bound(run, start), Bound(run, end), Bound(run, step));
        if (by == 0) throw Error("the step of a slice is 0");
        return JinjaMembers.Slice(value, from, to, by ?? 1, run) ?? throw Error($"a {Python.TypeOf(value)} has no parts");
    }

    private long? Bound(JinjaRun run, JinjaExpression? bound) => bound is null || run.Evaluate(bound) is not { } value ? null
        : Python.TryInteger(value, out long number) ? Math.Clamp(number, int.MinValue, int.MaxValue)
        : throw Error("the bounds of a slice are whole numbers");
}

/// <summary>The arguments of a call.</summary>
internal sealed record JinjaArguments(IReadOnlyList<JinjaExpression> Positional, IReadOnlyList<(string Name, JinjaExpression Value)> Named)
{
    /// <summary>None.</summary>
    public static readonly JinjaArguments None = new([], []);

    /// <summary>Their values.</summary>
    public JinjaCall Evaluate(JinjaRun run, string name, int line) =>
        new(run, line, name, [.. Positional.Select(run.Evaluate)], Named.ToDictionary(argument => argument.Name, argument => run.Evaluate(argument.Value), StringComparer.Ordinal));
}

/// <summary><c>a(b, c=d)</c></summary>
internal sealed class CallExpression(JinjaExpression target, JinjaArguments arguments, int line) : JinjaExpression(line)
{
    public override object? Evaluate(JinjaRun run) => run.EvaluateDefined(target) is JinjaFunction function
        ? function(arguments.Evaluate(run, NameOf(target), Line))
        : throw Error($"{NameOf(target)} is no function");

    private static string NameOf(JinjaExpression target) => target switch
    {
        NameExpression name => name.Name,
        MemberExpression { Key: LiteralExpression { Value: JinjaText member } } => member.Value,
        _ => "this",
    };
}

/// <summary><c>a | b(c)</c></summary>
internal sealed class FilterExpression(JinjaExpression value, string name, JinjaArguments arguments, int line) : JinjaExpression(line)
{
    private readonly Func<object?, JinjaCall, object?> _filter = JinjaFilters.Find(name) ?? throw new JinjaException($"the filter {name} is not supported", line);

    public override object? Evaluate(JinjaRun run)
    {
        object? filtered = run.Evaluate(value);
        run.Step(Python.WeightOf(filtered));
        return _filter(filtered, arguments.Evaluate(run, name, Line));
    }
}

/// <summary><c>a is b(c)</c></summary>
internal sealed class TestExpression(JinjaExpression value, string name, JinjaArguments arguments, int line) : JinjaExpression(line)
{
    private readonly Func<object?, JinjaCall, bool> _test = JinjaTests.Find(name) ?? throw new JinjaException($"the test {name} is not supported", line);

    public override object? Evaluate(JinjaRun run)
    {
        object? tested = run.Evaluate(value);
        if (tested is JinjaText) run.Step(Python.WeightOf(tested));
        return _test(tested, arguments.Evaluate(run, name, Line));
    }
}
