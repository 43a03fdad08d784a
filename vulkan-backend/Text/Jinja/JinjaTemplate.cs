namespace Gemma2.Backend.Text.Jinja;

/// <summary>
/// A template of the part of Jinja that published chat templates use, with what transformers adds to it. It sees what it is given, and nothing else of the process;
/// how long it runs and how much it writes is limited. May be used from any thread.
/// </summary>
/// <remarks>Our own, as no .NET library has it: others know another language, or leave out whitespace control, namespaces and Python's methods.</remarks>
internal sealed class JinjaTemplate
{
    private readonly IReadOnlyList<JinjaStatement> _body;

    private JinjaTemplate(IReadOnlyList<JinjaStatement> body) => _body = body;

    /// <summary>Reads a template.</summary>
    /// <exception cref="JinjaException">It is none, or uses what is not supported; the message begins with the line.</exception>
    public static JinjaTemplate Parse(string template) => new(JinjaParser.Parse(template));

    /// <summary>What the template makes of values.</summary>
    /// <param name="names">The values by their names.</param>
    /// <param name="limits">What it may take.</param>
    /// <exception cref="JinjaException">It cannot go on.</exception>
    /// <exception cref="JinjaRefusalException">It refuses the values.</exception>
    public JinjaText Render(IEnumerable<KeyValuePair<string, object?>> names, JinjaLimits limits)
    {
        var run = new JinjaRun(limits, names);
        try
        {
            run.Execute(_body);
        }
        catch (InvalidOperationException error) when (error.InnerException is JinjaException inner)
        {
            // What is thrown while elements are compared comes wrapped.
            throw inner;
        }
        return run.Output.Build();
    }
}
