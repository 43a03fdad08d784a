namespace Gemma2.Backend.Text.Jinja;

/// <summary>Python's operators.</summary>
internal static class JinjaOperators
{
    /// <summary>What two values make.</summary>
    public static object? Combine(string signs, object? left, object? right, JinjaRun run, int line)
    {
        try
        {
            return signs switch
            {
                "/" when Python.IsNumber(left) && Python.IsNumber(right) => Float("/", Python.ToDouble(left), Python.ToDouble(right)),
                "**" when Python.TryInteger(right, out long exponent) && exponent < 0 && Python.IsNumber(left) => Float("**", Python.ToDouble(left), exponent),
                "+" when left is JinjaText a && right is JinjaText b => new JinjaTextBuilder(run).Append(a).Append(b).Build(),
                "+" when left is JinjaList a && right is JinjaList b && a.IsTuple == b.IsTuple => Join(a, b, run),
                "*" when Repeated(left, right) is { } text => Repeat(text.Text, text.Times, run),
                "%" when left is JinjaText format => PythonFormat.Apply(format, right, run, line),
                _ when Python.TryInteger(left, out long a) && Python.TryInteger(right, out long b) => (object)Whole(signs, a, b),
                _ when Python.IsNumber(left) && Python.IsNumber(right) => Float(signs, Python.ToDouble(left), Python.ToDouble(right)),
                _ => throw new JinjaException($"{signs} does not take a {Python.TypeOf(left)} and a {Python.TypeOf(right)}", line),
            };
        }
        catch (DivideByZeroException)
        {
            throw new JinjaException("division by zero", line);
        }
        catch (OverflowException)
        {
            throw new JinjaException("whole numbers of more than 64 bits are not supported", line);
        }
    }

    /// <summary>Whether a comparison holds.</summary>
    public static bool Compare(string signs, object? left, object? right, JinjaRun run, int line)
    {
        run.Step(Python.WeightOf(left) + Python.WeightOf(right));
        return signs switch
        {
            "==" => Python.AreEqual(left, right),
            "!=" => !Python.AreEqual(left, right),
            "in" => IsIn(left, right, run, line),
            "not in" => !IsIn(left, right, run, line),
            _ => Python.Compare(left, right) is { } order ? IsInOrder(signs, order) && !IsNaN(left) && !IsNaN(right)
                : throw new JinjaException($"{signs} does not take a {Python.TypeOf(left)} and a {Python.TypeOf(right)}", line),
        };
    }

    private static bool IsInOrder(string signs, int order) => signs switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };

    private static bool IsNaN(object? value) => value is double.NaN;

    private static bool IsIn(object? value, object? whole, JinjaRun run, int line) => whole switch
    {
        JinjaText text when value is JinjaText part => text.Value.Contains(run.Search(text, part).Value, StringComparison.Ordinal),
        JinjaList list => list.Items.Any(item => Python.AreEqual(item, value)),
        JinjaMap map => map.TryGet(value, out _),
        JinjaUndefined => false,
        _ => throw new JinjaException($"'in' does not take a {Python.TypeOf(value)} and a {Python.TypeOf(whole)}", line),
    };

    private static JinjaList Join(JinjaList left, JinjaList right, JinjaRun run)
    {
        run.Step(left.Items.Count + right.Items.Count);
        return new JinjaList([.. left.Items, .. right.Items], left.IsTuple);
    }

    private static (object Text, long Times)? Repeated(object? left, object? right) =>
        left is JinjaText or JinjaList && Python.TryInteger(right, out long times) ? (left, times)
        : right is JinjaText or JinjaList && Python.TryInteger(left, out times) ? (right, times)
        : null;

    private static object Repeat(object value, long times, JinjaRun run)
    {
        times = Math.Max(0, times);
        if (value is JinjaList list)
        {
            if (list.Items.Count > 0) run.Step(checked(times * list.Items.Count));
            return new JinjaList([.. Enumerable.Repeat(list.Items, list.Items.Count > 0 ? (int)times : 0).SelectMany(items => items)], list.IsTuple);
        }
        var text = new JinjaTextBuilder(run);
        var once = (JinjaText)value;
        if (once.Value.Length == 0) return once;
        for (; times > 0; times--)
        {
            run.Step(1);
            text.Append(once);
        }
        return text.Build();
    }

    private static long Whole(string signs, long a, long b) => signs switch
    {
        "+" => checked(a + b),
        "-" => checked(a - b),
        "*" => checked(a * b),
        "//" => Floor(a, b),
        "%" => checked(a - (Floor(a, b) * b)),
        _ => Power(a, b),
    };

    private static long Floor(long a, long b) => checked(a / b) - (a % b != 0 && a < 0 != b < 0 ? 1 : 0);

    private static long Power(long number, long exponent)
    {
        long power = 1;
        if (number is 0 or 1) return exponent == 0 ? 1 : number;
        if (number == -1) return exponent % 2 == 0 ? 1 : -1;
        for (; exponent > 0; exponent--) power = checked(power * number);
        return power;
    }

    private static double Float(string signs, double a, double b)
    {
        if (b == 0 && (signs is "/" or "//" or "%")) throw new DivideByZeroException();
        return signs switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Floor(a / b),
            "%" => a - (Math.Floor(a / b) * b),
            _ => Math.Pow(a, b),
        };
    }
}
