using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gemma2.Functions.Tests.Hostile;

namespace Gemma2.Functions.Tests.Anthropic;

/// <summary>What is wrong with a request of Anthropic's API gets one error of that API, which names the field.</summary>
public sealed class MessageErrorTests
{
    private const string Head = """ "model":"scripted","max_tokens":5 """;
    private const string Hi = """ "messages":[{"role":"user","content":"Hi"}] """;
    private const string Tool = """{"name":"f","input_schema":{"type":"object"}}""";

    private const string Count = """
        {"model":"scripted","system":[{"type":"text","text":"Be brief."}],"thinking":{"type":"disabled"},"output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}},
         "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"string","maxLength":4}}}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true},
         "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"a":"b"}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"ok"}],"is_error":false},{"type":"text","text":"And?"}]}]}
        """;

    private const string Message = """
        {"max_tokens":8,"temperature":0.5,"top_p":0.9,"top_k":5,"seed":1,"stop_sequences":["x"],"stream":false,"metadata":{"user_id":"me"},"service_tier":"auto",
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("max_tokens is missing", """ "model":"scripted", """ + Hi)]
    [InlineData("max_tokens is 0", """ "model":"scripted","max_tokens":0, """ + Hi)]
    [InlineData("model is missing", """ "max_tokens":5, """ + Hi)]
    [InlineData("messages is missing", Head)]
    [InlineData("messages is empty", Head + """ ,"messages":[] """)]
    [InlineData("messages must be an array", Head + """ ,"messages":"Hi" """)]
    [InlineData("messages[0].role is 'tool'", Head + """ ,"messages":[{"role":"tool","content":"Hi"}] """)]
    [InlineData("messages[0].content is missing", Head + """ ,"messages":[{"role":"user"}] """)]
    [InlineData("messages[0].content must be a string", Head + """ ,"messages":[{"role":"user","content":5}] """)]
    [InlineData("messages[0].content[0].type is missing", Head + """ ,"messages":[{"role":"user","content":[{"text":"Hi"}]}] """)]
    [InlineData("messages[0].content[1].type is 'image'", Head + """ ,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]}] """)]
    [InlineData("messages[0].content[0].type is 'document'", Head + """ ,"messages":[{"role":"user","content":[{"type":"document","source":{}}]}] """)]
    [InlineData("messages[0].content[0].type is 'tool_use'", Head + """ ,"messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}] """)]
    [InlineData("messages[0].content[0].text is missing", Head + """ ,"messages":[{"role":"user","content":[{"type":"text"}]}] """)]
    [InlineData("messages[0].content[0].tool_use_id is 'x'; no tool_use", Head + """ ,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}] """)]
    [InlineData("messages[1].content[0].content[0].type is 'image'", Head + """ ,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"image"}]}]}] """)]
    [InlineData("messages[1].content[0].input must be an object", Head + """ ,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":"{}"}]}] """)]
    [InlineData("messages[1].content is the last and calls functions", Head + """ ,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{}}]}] """)]
    [InlineData("messages[1].content ends with white space", Head + """ ,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"The answer is "}] """)]
    [InlineData("system[0].type is 'image'", Head + """ ,"system":[{"type":"image"}], """ + Hi)]
    [InlineData("system must be a string", Head + """ ,"system":{}, """ + Hi)]
    [InlineData("temperature is 1.5; allowed are numbers from 0 to 1", Head + """ ,"temperature":1.5, """ + Hi)]
    [InlineData("top_k is -1", Head + """ ,"top_k":-1, """ + Hi)]
    [InlineData("stop_sequences must be an array", Head + """ ,"stop_sequences":"x", """ + Hi)]
    [InlineData("stop_sequences has an empty text", Head + """ ,"stop_sequences":[""], """ + Hi)]
    [InlineData("stop_sequences[1] must be a string", Head + """ ,"stop_sequences":["a",1], """ + Hi)]
    [InlineData("thinking.type is 'enabled'", Head + """ ,"thinking":{"type":"enabled","budget_tokens":1024}, """ + Hi)]
    [InlineData("tools[0].type is 'web_search_20250305'", Head + """ ,"tools":[{"type":"web_search_20250305","name":"web_search"}], """ + Hi)]
    [InlineData("tools[0].name is 'a b'", Head + """ ,"tools":[{"name":"a b","input_schema":{"type":"object"}}], """ + Hi)]
    [InlineData("tools[0].input_schema is missing", Head + """ ,"tools":[{"name":"f"}], """ + Hi)]
    [InlineData("tools[0].input_schema.type must be object", Head + """ ,"tools":[{"name":"f","input_schema":{"type":"string"}}], """ + Hi)]
    [InlineData("tools[0].input_schema holds what is not valid Unicode", Head + """ ,"tools":[{"name":"f","input_schema":{"type":"object","title":"\ud800"}}], """ + Hi)]
    [InlineData("messages[0].content[0].input holds what is not valid Unicode", Head + """ ,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{"a":"\ud800"}}]},{"role":"user","content":"Hi"}] """)]
    [InlineData("tools[0].input_schema/properties/a/type", Head + """ ,"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"thing"}}}}], """ + Hi)]
    [InlineData("'f' more than once", Head + ",\"tools\":[" + Tool + "," + Tool + "]," + Hi)]
    [InlineData("tool_choice.type is any, but tools is empty", Head + """ ,"tool_choice":{"type":"any"}, """ + Hi)]
    [InlineData("tool_choice.name is 'g'", Head + ",\"tools\":[" + Tool + "],\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"}," + Hi)]
    [InlineData("tool_choice must be a JSON object", Head + """ ,"tool_choice":"auto", """ + Hi)]
    [InlineData("output_config.format.type is 'text'", Head + """ ,"output_config":{"format":{"type":"text"}}, """ + Hi)]
    [InlineData("output_config.format.schema is missing", Head + """ ,"output_config":{"format":{"type":"json_schema"}}, """ + Hi)]
    [InlineData("output_config.format.schema/type", Head + """ ,"output_config":{"format":{"type":"json_schema","schema":{"type":"thing"}}}, """ + Hi)]
    [InlineData("output_config.colour is an unknown field", Head + """ ,"output_config":{"colour":"red"}, """ + Hi)]
    [InlineData("output_format and output_config.format", Head + """ ,"output_format":{"type":"json_schema","schema":{}},"output_config":{"format":{"type":"json_schema","schema":{}}}, """ + Hi)]
    [InlineData("does not go with a last message of the assistant", Head + """ ,"output_config":{"format":{"type":"json_schema","schema":{}}},"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"}] """)]
    [InlineData("service_tier is 'flex'", Head + """ ,"service_tier":"flex", """ + Hi)]
    [InlineData("mcp_servers is not supported", Head + """ ,"mcp_servers":[{"name":"x"}], """ + Hi)]
    [InlineData("colour is an unknown field", Head + """ ,"colour":"red", """ + Hi)]
    public async Task Post_WrongField_IsRefusedByName(string said, string fields)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync("/v1/messages", "{" + fields + "}");
        await AnthropicAnswers.AssertErrorAsync(response, 400, "invalid_request_error", said);
    }

    [Theory]
    [InlineData("/v1/messages", """{"model":"claude","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}""", 404, "not_found_error", "'scripted'")]
    [InlineData("/v1/messages/count_tokens", """{"model":"claude","messages":[{"role":"user","content":"Hi"}]}""", 404, "not_found_error", "'scripted'")]
    [InlineData("/v1/messages/count_tokens", """{"model":"scripted","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}""", 400, "invalid_request_error", "max_tokens is an unknown field")]
    [InlineData("/v1/messages/batches", "{}", 404, "not_found_error", "Unknown request URL")]
    [InlineData("/v1/messages", "no JSON", 400, "invalid_request_error", "not valid JSON")]
    public async Task Post_WhatIsNotThere_GetsAnthropicsError(string path, string body, int status, string type, string said)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync(path, body);
        await AnthropicAnswers.AssertErrorAsync(response, status, type, said);
    }

    [Fact]
    public async Task Post_RefusedBeforeItIsRead_GetsAnthropicsError()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:ApiKeys=first-key-0123456", "Gemma2:RequestsPerMinute=2");
        using HttpResponseMessage keyless = await app.PostAsync("/v1/messages", "{" + Head + "," + Hi + "}");
        app.Client.DefaultRequestHeaders.Add("x-api-key", "first-key-0123456");
        app.Client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        app.Client.DefaultRequestHeaders.Add("anthropic-beta", "structured-outputs-2025-11-13");
        using HttpResponseMessage right = await app.PostAsync("/v1/messages", "{" + Head + "," + Hi + "}");
        using HttpResponseMessage method = await app.Client.GetAsync("/v1/messages", Cancellation);
        using HttpResponseMessage limited = await app.PostAsync("/v1/messages", "{" + Head + "," + Hi + "}");

        await AnthropicAnswers.AssertErrorAsync(keyless, 401, "authentication_error", "API key");
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        await AnthropicAnswers.AssertErrorAsync(method, 405, "invalid_request_error", "GET on /v1/messages");
        await AnthropicAnswers.AssertErrorAsync(limited, 429, "rate_limit_error", "limit of 2 requests");
    }

    [Theory]
    [InlineData("/v1/messages", Message)]
    [InlineData("/v1/messages/count_tokens", "{")]
    public async Task Post_HostileJson_EachGetsItsError(string path, string head)
    {
        string honest = head + Count.Trim()[1..];
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        int refused = 0;
        foreach (byte[] body in new HostileJson(7).Create(honest, 400))
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using HttpResponseMessage response = await app.Client.PostAsync(path, content, Cancellation);
            if (response.IsSuccessStatusCode)
                continue;
            refused++;
            string answer = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.True((int)response.StatusCode is >= 400 and < 500, $"{Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 300)))}: {answer}");
            JsonElement error = JsonElement.Parse(answer);
            Assert.Equal("error", error.GetProperty("type").GetString());
            string message = error.GetProperty("error").GetProperty("message").GetString()!;
            Assert.False(message.Length is 0 or > 1000 || message.Contains('\n', StringComparison.Ordinal) || message.Contains(" at Gemma2.", StringComparison.Ordinal), message);
        }
        Assert.InRange(refused, 100, 400);
        using HttpResponseMessage right = await app.PostAsync(path, honest);
        Assert.True(right.IsSuccessStatusCode, await right.Content.ReadAsStringAsync(Cancellation));
    }
}
