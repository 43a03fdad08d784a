using System.Runtime.CompilerServices;

namespace Gemma2.Backend.Text.Jinja;

/// <summary>One rendering of a template: what it may still take, its names, what it has written.</summary>
internal sealed class JinjaRun
{
    private readonly JinjaLimits _limits;
    private long _steps;
    private long _characters;
    private int _depth;
    private int _line;

    /// <param name="limits">What it may take.</param>
    /// <param name="names">The names that it begins with.</param>
    public JinjaRun(JinjaLimits limits, IEnumerable<KeyValuePair<string, object?>> names)
    {
        _limits = limits;
        Output = new JinjaTextBuilder(this);
        foreach ((string name, object? value) in names) Scope.Names[name] = value;
    }

    /// <summary>The names that hold here.</summary>
    public JinjaScope Scope { get; private set; } = new(null);

    /// <summary>Takes what is written.</summary>
    public JinjaTextBuilder Output { get; private set; }

    /// <summary>An expression's value.</summary>
    public object? Evaluate(JinjaExpression expression)
    {
        Enter(expression.Line);
        object? value = expression.Evaluate(this);
        _depth--;
        return value;
    }

    /// <summary>An expression's value, which must be one.</summary>
    public object? EvaluateDefined(JinjaExpression expression) => Evaluate(expression) switch
    {
        JinjaUndefined undefined => throw new JinjaException(undefined.Why, expression.Line),
        var value => value,
    };

    /// <summary>Does what tags say.</summary>
    public JinjaFlow Execute(IReadOnlyList<JinjaStatement> body)
    {
        foreach (JinjaStatement statement in body)
        {
            Enter(statement.Line);
            JinjaFlow flow = statement.Execute(this);
            _depth--;
            if (flow != JinjaFlow.Next) return flow;
        }
        return JinjaFlow.Next;
    }

    /// <summary>Does what tags say with names of their own.</summary>
    public JinjaFlow ExecuteInside(IReadOnlyList<JinjaStatement> body, JinjaScope inside)
    {
        JinjaScope outside = Scope;
        Scope = inside;
        JinjaFlow flow = Execute(body);
        Scope = outside;
        return flow;
    }

    /// <summary>An expression's value with names of its own.</summary>
    public object? EvaluateInside(JinjaExpression expression, JinjaScope inside)
    {
        JinjaScope outside = Scope;
        Scope = inside;
        object? value = Evaluate(expression);
        Scope = outside;
        return value;
    }

    /// <summary>Whether an expression is true with names of its own.</summary>
    public bool IsTrueInside(JinjaExpression expression, JinjaScope inside) => Python.IsTrue(EvaluateInside(expression, inside));

    /// <summary>What tags write, with names of their own.</summary>
    public JinjaText Capture(IReadOnlyList<JinjaStatement> body, JinjaScope inside)
    {
        JinjaTextBuilder outside = Output;
        Output = new JinjaTextBuilder(this);
        ExecuteInside(body, inside);
        JinjaText text = Output.Build();
        Output = outside;
        return text;
    }

    /// <summary>Counts steps.</summary>
    public void Step(long count)
    {
        _steps += count;
        if (_steps > _limits.Steps) throw new JinjaException($"takes more than {_limits.Steps} steps, which are as many as these messages allow", _line);
    }

    /// <summary>Counts characters before they are written.</summary>
    public void Write(long count)
    {
        _characters += count;
        if (_characters > _limits.Characters) throw new JinjaException($"writes more than {_limits.Characters} characters, which are as many as these messages allow", _line);
    }

    /// <summary>Counts the steps of looking for one text in another.</summary>
    public JinjaText Search(JinjaText text, JinjaText part)
    {
        Step(1 + ((long)text.Value.Length * Math.Min(text.Value.Length, part.Value.Length) >> 16));
        return part;
    }

    private void Enter(int line)
    {
        _line = line;
        Step(1);
        if (++_depth > JinjaLimits.Depth || !RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new JinjaException($"is nested deeper than {JinjaLimits.Depth}", line);
    }
}

/// <summary>How it goes on after a tag.</summary>
internal enum JinjaFlow
{
    /// <summary>With the next.</summary>
    Next,

    /// <summary>With the loop's next element.</summary>
    Continue,

    /// <summary>Behind the loop.</summary>
    Break,
}

/// <summary>Names and their values.</summary>
/// <param name="outside">Where names are looked for that are not here.</param>
internal sealed class JinjaScope(JinjaScope? outside)
{
    /// <summary>The names that are its own.</summary>
    public Dictionary<string, object?> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>A name's value.</summary>
    public object? Find(string name)
    {
        for (JinjaScope? scope = this; scope is not null; scope = scope.Outside)
            if (scope.Names.TryGetValue(name, out object? value)) return value;
        return JinjaGlobals.Find(name) ?? (object)new JinjaUndefined($"'{name}' is undefined");
    }

    private JinjaScope? Outside => outside;
}
