using System.Text;
using Gemma2.Grammars.Syntax;
using Gemma2.Grammars.Tools;

namespace Gemma2.Grammars.Tests.Tools;

public sealed class ToolSyntaxTests
{
    private static readonly Tool Weather = new(
        "get_weather", "Tells the weather.", """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1}},"required":["city"]}""");

    private static readonly Tool Time = new("get_time", null, Tool.NoParameters);
    private static readonly string Paris = ToolSyntax.Call("get_weather", """{"city":"Paris"}""");
    private static readonly string Now = ToolSyntax.Call("get_time", "{}");

    [Theory]
    [InlineData("""{"city":"Paris"}""", true)]
    [InlineData("""{"city": "Paris", "days": 3}""", true)]
    [InlineData("""{"city":"Paris","days":0}""", false)]
    [InlineData("""{"days":3}""", false)]
    [InlineData("""{"city":1}""", false)]
    [InlineData("", false)]
    public void Grammar_Call_FitsTheFunctionsSchema(string arguments, bool allowed) =>
        Assert.Equal(allowed, Allows(ToolUse.Required, ToolSyntax.Call("get_weather", arguments)));

    [Fact]
    public void Grammar_Required_AllowsCallsAlone()
    {
        Assert.True(Allows(ToolUse.Required, Now));
        Assert.False(Allows(ToolUse.Required, "It is sunny."));
        Assert.False(Allows(ToolUse.Required, ""));
        Assert.False(Allows(ToolUse.Required, ToolSyntax.Call("get_date", "{}")));
        Assert.False(Allows(ToolUse.Required, ToolSyntax.Call("get_weather", "{}")));
    }

    [Theory]
    [InlineData("It is sunny.")]
    [InlineData("")]
    [InlineData("<b>{\"name\": 1}")]
    public void Grammar_Auto_AllowsReplies(string reply) => Assert.True(Allows(ToolUse.Auto, reply));

    [Fact]
    public void Grammar_Auto_AllowsWholeCallsAndNoOthers()
    {
        Assert.True(Allows(ToolUse.Auto, Paris));
        Assert.False(Allows(ToolUse.Auto, Paris[..^1]));
        Assert.False(Allows(ToolUse.Auto, $"{Paris} There."));
        Assert.False(Allows(ToolUse.Auto, "<tool_call>"));
        Assert.False(Allows(ToolUse.Auto, "<tool_call> is a tag"));
    }

    [Fact]
    public void Grammar_Parallel_AllowsUpToTheMost()
    {
        Assert.True(Allows(ToolUse.Auto, ToolSyntax.Calls([Paris, Now, Paris])));
        Assert.False(Allows(ToolUse.Auto, ToolSyntax.Calls([Paris, Now]), isParallel: false));
        Assert.True(Allows(ToolUse.Auto, ToolSyntax.Calls(Enumerable.Repeat(Now, ToolSyntax.MostCalls))));
        Assert.False(Allows(ToolUse.Auto, ToolSyntax.Calls(Enumerable.Repeat(Now, ToolSyntax.MostCalls + 1))));
    }

    [Fact]
    public void Grammar_ReplyOfAForm_AllowsThatForm()
    {
        var reply = new GrammarSource.JsonSchema("""{"type":"boolean"}""");
        Assert.True(Allows(ToolUse.Auto, "true", reply: reply));
        Assert.True(Allows(ToolUse.Auto, Paris, reply: reply));
        Assert.False(Allows(ToolUse.Auto, "It is sunny.", reply: reply));
    }

    [Fact]
    public void Of_Tools_DescribesEachOnALineOfItsOwn()
    {
        string[] lines = ToolPrompt.Of([Weather, Time], $"Before\n{ToolPrompt.Placeholder}\nAfter").Split('\n');
        Assert.Equal(["Before", $$"""{"name":"get_weather","description":"Tells the weather.","parameters":{{Weather.Parameters}}}""", $$"""{"name":"get_time","parameters":{{Tool.NoParameters}}}""", "After"], lines);
        Assert.Contains(ToolPrompt.Placeholder, ToolPrompt.Default, StringComparison.Ordinal);
    }

    private static bool Allows(ToolUse use, string text, bool isParallel = true, GrammarSource? reply = null)
    {
        Automaton automaton = Grammar.Compile(ToolSyntax.Grammar([Weather, Time], use, isParallel, reply)).Automaton;
        State state = automaton.Start;
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            state = automaton.Step(state, value);
            if (state == State.Dead) return false;
        }
        return state.CanEnd;
    }
}
