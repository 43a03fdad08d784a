namespace Gemma2.Backend.Text.Jinja;

/// <summary>What does something.</summary>
/// <param name="line">The template's line.</param>
internal abstract class JinjaStatement(int line)
{
    /// <summary>The template's line.</summary>
    public int Line => line;

    /// <summary>Does it.</summary>
    public abstract JinjaFlow Execute(JinjaRun run);
}

/// <summary>Text between tags.</summary>
internal sealed class DataStatement(string text, int line) : JinjaStatement(line)
{
    private readonly JinjaText _text = JinjaText.Of(text);

    public override JinjaFlow Execute(JinjaRun run)
    {
        run.Output.Append(_text);
        return JinjaFlow.Next;
    }
}

/// <summary><c>{{ a }}</c></summary>
internal sealed class OutputStatement(JinjaExpression value, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        run.Output.Append(Python.ToText(run.Evaluate(value), run));
        return JinjaFlow.Next;
    }
}

/// <summary><c>{% if a %}</c> with all its branches.</summary>
internal sealed class IfStatement(IReadOnlyList<(JinjaExpression Condition, IReadOnlyList<JinjaStatement> Body)> branches, IReadOnlyList<JinjaStatement> otherwise, int line)
    : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        foreach ((JinjaExpression condition, IReadOnlyList<JinjaStatement> body) in branches)
            if (Python.IsTrue(run.Evaluate(condition))) return run.Execute(body);
        return run.Execute(otherwise);
    }
}

/// <summary><c>{% for a in b if c %}</c></summary>
internal sealed class ForStatement(
    JinjaTarget target, JinjaExpression items, JinjaExpression? condition, IReadOnlyList<JinjaStatement> body, IReadOnlyList<JinjaStatement> otherwise, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        object? value = run.Evaluate(items);
        IReadOnlyList<object?> all = JinjaFilters.Elements(value, new JinjaCall(run, Line, "for", [], JinjaTarget.NoNames));
        if (condition is not null) all = Chosen(all, run);
        if (all.Count == 0) return run.ExecuteInside(otherwise, new JinjaScope(run.Scope));
        var loop = new JinjaLoop(all);
        JinjaFlow flow = JinjaFlow.Next;
        for (int i = 0; i < all.Count && flow != JinjaFlow.Break; i++)
        {
            loop.Index = i;
            var inside = new JinjaScope(run.Scope) { Names = { ["loop"] = loop } };
            target.Set(inside, all[i], run, Line);
            flow = run.ExecuteInside(body, inside);
        }
        return JinjaFlow.Next;
    }

    private List<object?> Chosen(IReadOnlyList<object?> all, JinjaRun run)
    {
        List<object?> chosen = [];
        foreach (object? item in all)
        {
            var inside = new JinjaScope(run.Scope);
            target.Set(inside, item, run, Line);
            if (run.IsTrueInside(condition!, inside)) chosen.Add(item);
        }
        return chosen;
    }
}

/// <summary><c>{% break %}</c> or <c>{% continue %}</c></summary>
internal sealed class FlowStatement(JinjaFlow flow, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run) => flow;
}

/// <summary><c>{% set a = b %}</c></summary>
internal sealed class SetStatement(JinjaTarget target, JinjaExpression value, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        target.Set(run.Scope, run.Evaluate(value), run, Line);
        return JinjaFlow.Next;
    }
}

/// <summary><c>{% set a %}text{% endset %}</c>, also with filters, or <c>{% filter b %}text{% endfilter %}</c>, which writes it.</summary>
/// <param name="target">Gets the text; null writes it.</param>
/// <param name="body">What makes the text.</param>
/// <param name="filter">What is made of the text under the name <see cref="Captured"/>.</param>
/// <param name="line">The template's line.</param>
internal sealed class CaptureStatement(JinjaTarget? target, IReadOnlyList<JinjaStatement> body, JinjaExpression filter, int line) : JinjaStatement(line)
{
    /// <summary>A name that no template can use.</summary>
    public const string Captured = " captured";

    public override JinjaFlow Execute(JinjaRun run)
    {
        JinjaText text = run.Capture(body, new JinjaScope(run.Scope));
        object? value = run.EvaluateInside(filter, new JinjaScope(run.Scope) { Names = { [Captured] = text } });
        if (target is null) run.Output.Append(Python.ToText(value, run));
        else target.Set(run.Scope, value, run, Line);
        return JinjaFlow.Next;
    }
}

/// <summary><c>{% with a = b %}</c>, or <c>{% generation %}</c>, which marks what the model says: names that hold inside only.</summary>
internal sealed class ScopeStatement(IReadOnlyList<(JinjaTarget Target, JinjaExpression Value)> names, IReadOnlyList<JinjaStatement> body, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        var inside = new JinjaScope(run.Scope);
        foreach ((JinjaTarget target, JinjaExpression value) in names) target.Set(inside, run.Evaluate(value), run, Line);
        return run.ExecuteInside(body, inside);
    }
}

/// <summary><c>{% macro a(b, c=d) %}</c></summary>
internal sealed class MacroStatement(string name, IReadOnlyList<(string Name, JinjaExpression? Default)> parameters, IReadOnlyList<JinjaStatement> body, int line) : JinjaStatement(line)
{
    public override JinjaFlow Execute(JinjaRun run)
    {
        JinjaScope outside = run.Scope;
        run.Scope.Names[name] = (JinjaFunction)(call => Call(call, outside));
        return JinjaFlow.Next;
    }

    private JinjaText Call(JinjaCall call, JinjaScope outside)
    {
        call.Allow(parameters.Count, [.. parameters.Select(parameter => parameter.Name)]);
        var inside = new JinjaScope(outside);
        for (int i = 0; i < parameters.Count; i++)
        {
            (string parameter, JinjaExpression? byDefault) = parameters[i];
            inside.Names[parameter] = call.Has(i, parameter) ? call.Get(i, parameter)
                : byDefault is null ? new JinjaUndefined($"the macro {name} was not given '{parameter}'")
                : call.Run.EvaluateInside(byDefault, inside);
        }
        return call.Run.Capture(body, inside);
    }
}

/// <summary>What gets a value: a name, an attribute of a namespace, or several names that share a list.</summary>
/// <param name="Name">The name.</param>
/// <param name="Attribute">The namespace's attribute.</param>
/// <param name="Several">Several names instead of one.</param>
internal sealed record JinjaTarget(string Name, string? Attribute = null, IReadOnlyList<JinjaTarget>? Several = null)
{
    /// <summary>No arguments with names.</summary>
    public static readonly IReadOnlyDictionary<string, object?> NoNames = new Dictionary<string, object?>();

    /// <summary>Gives the value.</summary>
    public void Set(JinjaScope scope, object? value, JinjaRun run, int line)
    {
        if (Several is not null) SetAll(Several, scope, value, run, line);
        else if (Attribute is null) scope.Names[Name] = value;
        else if (scope.Find(Name) is JinjaNamespace names) names.Names[Attribute] = value;
        else throw new JinjaException($"'{Name}' is no namespace, and only those have attributes that can be set", line);
    }

    private static void SetAll(IReadOnlyList<JinjaTarget> targets, JinjaScope scope, object? value, JinjaRun run, int line)
    {
        IReadOnlyList<object?> values = JinjaFilters.Elements(value, new JinjaCall(run, line, "set", [], NoNames));
        if (values.Count != targets.Count) throw new JinjaException($"{values.Count} values are there for {targets.Count} names", line);
        for (int i = 0; i < targets.Count; i++) targets[i].Set(scope, values[i], run, line);
    }
}
