using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Text;
using Gemma2.Grammars;
using Gemma2.Grammars.Tools;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.Responses;

namespace Gemma2.Functions.Tests.Responses;

public sealed class ResponsesRequestParserTests
{
    private const string Function = """{"type":"function","name":"f","description":"does","parameters":{"type":"object"}}""";

    [Fact]
    public void Parse_Text_IsAUsersMessageWithOpenAIsDefaults()
    {
        ResponsesRequest request = Parse(""" "input":"Hi" """);

        Assert.Equal([new ChatMessage(ChatMessage.User, "Hi")], Messages(request));
        Assert.Equal((true, false, null), (request.Store, request.Completion.Stream, request.Completion.MaxTokens));
        Assert.Equal((null, null, RequestClass.Interactive), (request.Completion.Sampling.Temperature, request.Completion.Sampling.TopP, request.Completion.Class));
        Assert.Null(request.Completion.Sampling.LogProbabilities);
        Assert.Null(request.Completion.Format);
    }

    [Fact]
    public void Parse_Items_AreTheConversation()
    {
        ResponsesRequest request = Parse("""
            "instructions":"Be brief.",
            "input":[
              {"role":"user","content":"a"},
              {"type":"message","role":"developer","content":[{"type":"input_text","text":"b"},{"type":"input_text","text":"c"}]},
              {"type":"reasoning","id":"rs_1","summary":[]},
              {"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"d","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"e"}]},
              {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"x\":1}","status":"completed"},
              {"type":"function_call","call_id":"c2","name":"g","arguments":""},
              {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"g1"},{"type":"input_text","text":"g2"}]},
              {"type":"function_call_output","call_id":"c1","output":"f1","id":null,"status":null}
            ]
            """);

        Assert.Equal(
            [
                new(ChatMessage.Instruction, "Be brief."), new(ChatMessage.User, "a"), new("developer", "bc"), new(ChatMessage.Assistant, "de"),
                new(ChatMessage.Assistant, ToolSyntax.Calls([ToolSyntax.Call("f", "{\"x\":1}"), ToolSyntax.Call("g", "{}")])),
                new(ChatMessage.User, ToolSyntax.Response("g", "g1g2")), new(ChatMessage.User, ToolSyntax.Response("f", "f1")),
            ],
            Messages(request));
        Assert.Equal(["msg_1", "fc_1"], request.Items.Select(item => item.Id).Where(id => id.Length < 8));
    }

    [Fact]
    public void Parse_Reference_IsTheItem()
    {
        var call = new Item.Call("fc_1", "c1", "f", "{}");
        var earlier = new EarlierItems([new Item.Message("msg_1", ChatMessage.User, ["a"])], new Dictionary<string, Item> { ["fc_1"] = call });

        ResponsesRequest request = ResponsesRequestParser.Parse(JsonElement.Parse("""{"model":"m","input":[{"id":"fc_1"},{"type":"function_call_output","call_id":"c1","output":"x"}]}"""), earlier);

        Assert.Equal(["a", ToolSyntax.Call("f", "{}"), ToolSyntax.Response("f", "x")], Messages(request).Select(message => message.Content));
    }

    [Theory]
    [InlineData(""" "tool_choice":"auto" """, ToolUse.Auto, "f g")]
    [InlineData(""" "tool_choice":"required" """, ToolUse.Required, "f g")]
    [InlineData(""" "tool_choice":{"type":"function","name":"g"} """, ToolUse.Required, "g")]
    [InlineData(""" "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"g"}]} """, ToolUse.Auto, "g")]
    [InlineData(""" "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"function","name":"f"}]} """, ToolUse.Required, "f")]
    public void Parse_ToolChoice_SaysWhatMayBeCalled(string choice, ToolUse use, string callable)
    {
        ResponsesRequest request = Parse($$""" "input":"Hi","tools":[{{Function}},{"type":"function","name":"g","strict":null}],{{choice}} """);
        Assert.Equal((use, callable), (request.Completion.Tools!.Use, string.Join(' ', request.Completion.Tools.Callable.Select(tool => tool.Name))));
        Assert.Equal(2, request.Completion.Tools.Tools.Count);
        Assert.Equal("tools", request.Completion.Format!.Field);
    }

    [Fact]
    public void Parse_ToolChoiceNone_IsAsWithoutTools() => Assert.Null(Parse($$""" "input":"Hi","tools":[{{Function}}],"tool_choice":"none" """).Completion.Tools);

    [Fact]
    public void Parse_Format_IsItsSource()
    {
        static AnswerFormat? Format(string fields) => Parse($""" "input":"Hi",{fields} """).Completion.Format;

        Assert.Null(Format(""" "text":{"format":{"type":"text"},"verbosity":"medium"} """));
        Assert.Equal(new AnswerFormat(new GrammarSource.JsonObject(), "text.format"), Format(""" "text":{"format":{"type":"json_object"}} """));
        Assert.Equal(
            new AnswerFormat(new GrammarSource.JsonSchema("{\"a\":1}"), "text.format.schema"), Format(""" "text":{"format":{"type":"json_schema","name":"x","strict":true,"schema":{"a":1}}} """));
        Assert.Equal(new AnswerFormat(new GrammarSource.Regex("a+"), "guided_regex"), Format(""" "guided_regex":"a+" """));
    }

    [Theory]
    [InlineData("input", """ "instructions":"x" """)]
    [InlineData("input", """ "input":5 """)]
    [InlineData("input", """ "input":[] """)]
    [InlineData("input[0]", """ "input":["Hi"] """)]
    [InlineData("input[0].type", """ "input":[{}] """)]
    [InlineData("input[0].type", """ "input":[{"type":"web_search_call"}] """)]
    [InlineData("input[0].role", """ "input":[{"type":"message","content":"x"}] """)]
    [InlineData("input[0].role", """ "input":[{"role":"tool","content":"x"}] """)]
    [InlineData("input[0].content", """ "input":[{"role":"user"}] """)]
    [InlineData("input[0].content", """ "input":[{"role":"user","content":5}] """)]
    [InlineData("input[0].content[0].type", """ "input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}] """)]
    [InlineData("input[0].content[0].text", """ "input":[{"role":"user","content":[{"type":"input_text"}]}] """)]
    [InlineData("input[0].call_id", """ "input":[{"type":"function_call","name":"f","arguments":"{}"}] """)]
    [InlineData("input[0].name", """ "input":[{"type":"function_call","call_id":"c","arguments":"{}"}] """)]
    [InlineData("input[0].arguments", """ "input":[{"type":"function_call","call_id":"c","name":"f"}] """)]
    [InlineData("input[0].call_id", """ "input":[{"type":"function_call_output","call_id":"c","output":"x"}] """)]
    [InlineData("input[1].output", """ "input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c"}] """)]
    [InlineData("input[0].id", """ "input":[{"type":"item_reference","id":"msg_none"}] """)]
    [InlineData("instructions", """ "input":"Hi","instructions":["x"] """)]
    [InlineData("max_output_tokens", """ "input":"Hi","max_output_tokens":0 """)]
    [InlineData("temperature", """ "input":"Hi","temperature":3 """)]
    [InlineData("top_logprobs", """ "input":"Hi","top_logprobs":21 """)]
    [InlineData("include", """ "input":"Hi","include":"x" """)]
    [InlineData("include[0]", """ "input":"Hi","include":["x"] """)]
    [InlineData("truncation", """ "input":"Hi","truncation":"left" """)]
    [InlineData("store", """ "input":"Hi","store":"yes" """)]
    [InlineData("stream_options", """ "input":"Hi","stream_options":{} """)]
    [InlineData("stream_options.include_usage", """ "input":"Hi","stream":true,"stream_options":{"include_usage":true} """)]
    [InlineData("reasoning.effort", """ "input":"Hi","reasoning":{"effort":"high"} """)]
    [InlineData("reasoning.summary", """ "input":"Hi","reasoning":{"summary":"auto"} """)]
    [InlineData("metadata", """ "input":"Hi","metadata":"x" """)]
    [InlineData("metadata.a", """ "input":"Hi","metadata":{"a":1} """)]
    [InlineData("service_tier", """ "input":"Hi","service_tier":"fast" """)]
    [InlineData("user", """ "input":"Hi","user":{} """)]
    [InlineData("max_tool_calls", """ "input":"Hi","max_tool_calls":-1 """)]
    [InlineData("background", """ "input":"Hi","background":true """)]
    [InlineData("conversation", """ "input":"Hi","conversation":"conv_1" """)]
    [InlineData("prompt", """ "input":"Hi","prompt":{"id":"pmpt_1"} """)]
    [InlineData("context_management", """ "input":"Hi","context_management":[{"type":"compaction"}] """)]
    [InlineData("max_tokens", """ "input":"Hi","max_tokens":5 """)]
    [InlineData("messages", """ "input":"Hi","messages":[] """)]
    [InlineData("response_format", """ "input":"Hi","response_format":{"type":"text"} """)]
    [InlineData("text.format.type", """ "input":"Hi","text":{"format":{}} """)]
    [InlineData("text.format.type", """ "input":"Hi","text":{"format":{"type":"xml"}} """)]
    [InlineData("text.format.schema", """ "input":"Hi","text":{"format":{"type":"json_schema","name":"x"}} """)]
    [InlineData("text.format.json_schema", """ "input":"Hi","text":{"format":{"type":"json_schema","json_schema":{"schema":{}}}} """)]
    [InlineData("text.verbosity", """ "input":"Hi","text":{"verbosity":"low"} """)]
    [InlineData("guided_regex", """ "input":"Hi","text":{"format":{"type":"json_object"}},"guided_regex":"a" """)]
    [InlineData("min_tokens", """ "input":"Hi","min_tokens":9,"max_output_tokens":5 """)]
    [InlineData("tools[0].type", """ "input":"Hi","tools":[{"type":"web_search"}] """)]
    [InlineData("tools[0].function", """ "input":"Hi","tools":[{"type":"function","function":{"name":"f"}}] """)]
    [InlineData("tools[0].name", """ "input":"Hi","tools":[{"type":"function"}] """)]
    [InlineData("tools[0].parameters", """ "input":"Hi","tools":[{"type":"function","name":"f","parameters":{"type":"object","title":"\ud800"}}] """)]
    [InlineData("tool_choice", """ "input":"Hi","tool_choice":"required" """)]
    [InlineData("tool_choice", """ "input":"Hi","tool_choice":"any" """)]
    [InlineData("tool_choice.type", """ "input":"Hi","tool_choice":{"type":"file_search"} """)]
    [InlineData("tool_choice.name", """ "input":"Hi","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"g"} """)]
    [InlineData("tool_choice.mode", """ "input":"Hi","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"allowed_tools","mode":"some","tools":[{"type":"function","name":"f"}]} """)]
    [InlineData("tool_choice.tools", """ "input":"Hi","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]} """)]
    [InlineData("model", """ "input":"Hi","model":null """)]
    public void Parse_BadField_IsNamed(string field, string fields)
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => Parse(fields));
        Assert.Equal(field, error.Parameter);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void ParseLine_StandsAlone()
    {
        Assert.False(ResponsesRequestParser.ParseLine(JsonElement.Parse("""{"model":"m","input":"Hi","store":true}""")).Store);
        Assert.Equal("previous_response_id", Assert.Throws<InvalidRequestException>(
            () => ResponsesRequestParser.ParseLine(JsonElement.Parse("""{"model":"m","input":"Hi","previous_response_id":"resp_1"}"""))).Parameter);
    }

    [Fact]
    public void Parse_AnyBytes_GivesARequestOrOneClearError()
    {
        string[] seeds =
        [
            """{"model":"m","input":"Hi","instructions":"x","max_output_tokens":7,"temperature":0.5,"stream":true,"stream_options":{"include_obfuscation":false},"metadata":{"a":"b"}}""",
            """{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"reasoning","summary":[]}],"include":["message.output_text.logprobs"],"top_logprobs":2}""",
            """{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}],"truncation":"auto"}""",
            """{"model":"m","input":"a","tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false}""",
            """{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"},"strict":true},"verbosity":"medium"},"reasoning":{"effort":"none"}}""",
            """{"model":"m","input":[{"id":"msg_1","type":"item_reference"}],"store":false,"service_tier":"flex","seed":5,"user":"u","background":false}""",
        ];
        Gen<byte[]> mutated =
            from seed in Gen.OneOf(seeds)
            from edits in Gen.Select(Gen.Int[0, seed.Length - 1], Gen.OneOf(Gen.Byte, Gen.OneOf("\"\\{}[]:,0-eu\u0000"u8.ToArray()))).Array[0, 4]
            select Mutate(seed, edits);

        int accepted = 0;
        mutated.Sample(
            bytes =>
            {
                try
                {
                    using JsonDocument body = RequestBody.Parse(bytes);
                    ResponsesRequestParser.Parse(body.RootElement, EarlierItems.None);
                    Interlocked.Increment(ref accepted);
                }
                catch (Gemma2Exception error)
                {
                    Assert.True(ApiError.FromException(error).Status == 400 && !error.Message.Contains('\n', StringComparison.Ordinal), error.Message);
                }
            },
            iter: 20_000);
        Assert.True(accepted > 0, "No mutation was accepted: the fuzzing did not reach past the first check.");
    }

    private static byte[] Mutate(string seed, (int Index, byte Value)[] edits)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(seed);
        foreach ((int index, byte value) in edits)
            bytes[index] = value;
        return bytes;
    }

    private static IReadOnlyList<ChatMessage> Messages(ResponsesRequest request) => Assert.IsType<Prompt.Chat>(Assert.Single(request.Completion.Prompts)).Messages;

    private static ResponsesRequest Parse(string fields) => ResponsesRequestParser.Parse(
        JsonElement.Parse(fields.Contains("\"model\"", StringComparison.Ordinal) ? $"{{{fields}}}" : $$"""{"model":"m",{{fields}}}"""), EarlierItems.None);
}
