using System.Text;
using CsCheck;
using Gemma2.Grammars.Tools;

namespace Gemma2.Grammars.Tests.Tools;

public sealed class ToolCallReaderTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("Hello", "reply:Hello")]
    [InlineData("<tool", "reply:<tool")]
    [InlineData("<tool_call>", "reply:<tool_call>")]
    [InlineData("<tool_call> is a tag", "reply:<tool_call> is a tag")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "f:{}")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {\"b\": \"}\\\"]\"}]}}\n</tool_call>", "f:{\"a\": [1, {\"b\": \"}\\\"]\"}]}")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>", "f:{\"a\": 1}|g:{}")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x", "f:{\"a\": \"x")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_", "f:{}")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"argum", "")]
    public void Read_TextInAnyPieces_IsTakenApart(string text, string expected) => Gen.Int[1, 9].Array[0, 40].Sample(lengths =>
        Assert.Equal(expected, Describe(Read(Cut(text, lengths)))));

    [Fact]
    public void Read_CallsThatToolSyntaxWrites_ComeBack()
    {
        string text = ToolSyntax.Calls([ToolSyntax.Call("get_weather", "{\"city\":\"Paris\"}"), ToolSyntax.Call("get-time", "{}")]);
        Assert.Equal("get_weather:{\"city\":\"Paris\"}|get-time:{}", Describe(Read([text])));
    }

    [Fact]
    public void Append_PiecesOfArguments_ArePassedOnAtOnce()
    {
        var reader = new ToolCallReader();
        reader.Append("<tool_call>\n{\"name\": \"f\", \"arguments\": {");
        Assert.Equal([new ToolDelta.Arguments(0, "\"a\":")], reader.Append("\"a\":"));
        Assert.True(reader.HasCalls);
    }

    private static List<ToolDelta> Read(IEnumerable<string> pieces)
    {
        var reader = new ToolCallReader();
        List<ToolDelta> deltas = [.. pieces.SelectMany(reader.Append)];
        deltas.AddRange(reader.Flush());
        return deltas;
    }

    private static IEnumerable<string> Cut(string text, int[] lengths)
    {
        int start = 0;
        foreach (int length in lengths)
        {
            int end = Math.Min(start + length, text.Length);
            yield return text[start..end];
            start = end;
        }
        yield return text[start..];
    }

    private static string Describe(List<ToolDelta> deltas)
    {
        var calls = new List<StringBuilder>();
        string reply = "";
        foreach (ToolDelta delta in deltas)
        {
            switch (delta)
            {
                case ToolDelta.Reply(var text): reply += text; break;
                case ToolDelta.CallStart(var index, var name):
                    Assert.Equal(calls.Count, index);
                    calls.Add(new StringBuilder(name).Append(':'));
                    break;
                case ToolDelta.Arguments(var index, var text): calls[index].Append(text); break;
            }
        }
        return string.Join('|', [.. reply.Length > 0 ? [$"reply:{reply}"] : Array.Empty<string>(), .. calls.Select(call => call.ToString())]);
    }
}
