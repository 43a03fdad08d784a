using System.ClientModel;
using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Grammars.Tools;
using Gemma2.Testing;
using OpenAI.Chat;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>Calls of functions, by the embedded model: whatever chance picks, a call fits the function's schema.</summary>
public sealed class ToolTests
{
    private const string Weather = """{"type":"function","function":{"name":"get_weather","description":"Tells the weather.","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":8},"unit":{"enum":["c","f"]}},"required":["city","unit"],"additionalProperties":false}}}""";
    private const string Time = """{"type":"function","function":{"name":"get_time"}}""";
    private const string Tools = $"\"tools\":[{Weather},{Time}]";
    private const string Messages = """[{"role":"user","content":"What is the weather in Paris?"}]""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_Required_CallsThatFitTheirSchemas()
    {
        await using TestApp app = await StartAsync();

        JsonElement[] choices = await PostAsync(app, Messages, $$"""{{Tools}},"tool_choice":"required","parallel_tool_calls":false,"temperature":1,"n":6,"max_tokens":100,"seed":1""");

        foreach (JsonElement choice in choices)
        {
            JsonElement message = choice.GetProperty("message");
            Assert.Equal(JsonValueKind.Null, message.GetProperty("content").ValueKind);
            JsonElement call = Assert.Single(message.GetProperty("tool_calls").EnumerateArray());
            Assert.Equal("function", call.GetProperty("type").GetString());
            if (choice.GetProperty("finish_reason").GetString() == "length") continue;
            Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
            JsonElement function = call.GetProperty("function");
            JsonElement arguments = JsonElement.Parse(function.GetProperty("arguments").GetString()!);
            if (function.GetProperty("name").GetString() == "get_time") Assert.Empty(arguments.EnumerateObject());
            else Assert.Equal(["city", "unit"], arguments.EnumerateObject().Select(member => member.Name));
        }
        string[] ids = [.. choices.Select(choice => choice.GetProperty("message").GetProperty("tool_calls")[0].GetProperty("id").GetString()!)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Fact]
    public async Task Post_OneByName_CallsThatOne()
    {
        await using TestApp app = await StartAsync();

        JsonElement[] choices = await PostAsync(
            app, Messages, $$$"""{{{Tools}}},"tool_choice":{"type":"function","function":{"name":"get_time"}},"temperature":2,"n":4,"max_tokens":400,"seed":2""");

        Assert.All(choices, choice => Assert.All(
            choice.GetProperty("message").GetProperty("tool_calls").EnumerateArray(), call => Assert.Equal("get_time", call.GetProperty("function").GetProperty("name").GetString())));
    }

    [Fact]
    public async Task Post_Auto_RepliesOrCalls()
    {
        await using TestApp app = await StartAsync();

        JsonElement choice = Assert.Single(await PostAsync(app, Messages, $$"""{{Tools}},"temperature":0,"max_tokens":30"""));

        // So small a model knows nothing of functions.
        Assert.False(choice.GetProperty("message").TryGetProperty("tool_calls", out _));
        Assert.NotEqual("", choice.GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task Post_None_IsAsWithoutTools()
    {
        await using TestApp app = await StartAsync();
        JsonElement with = Assert.Single(await PostAsync(app, Messages, $$"""{{Tools}},"tool_choice":"none","temperature":0"""));
        JsonElement without = Assert.Single(await PostAsync(app, Messages, "\"temperature\":0"));
        Assert.Equal(without.GetRawText(), with.GetRawText());
    }

    [Fact]
    public async Task Stream_Calls_AreTheSameAsAtOnce()
    {
        await using TestApp app = await StartAsync();
        string options = $$"""{{Tools}},"tool_choice":"required","temperature":1.2,"n":3,"max_tokens":120,"seed":5,"logprobs":true""";
        JsonElement[] whole = await PostAsync(app, Messages, options);
        using HttpResponseMessage streamed = await app.PostAsync("/v1/chat/completions", $$"""{"model":"nano","messages":{{Messages}},{{options}},"stream":true}""");

        string stream = await streamed.Content.ReadAsStringAsync(Cancellation);

        Assert.EndsWith("data: [DONE]\n\n", stream, StringComparison.Ordinal);
        JsonElement[] chunks = [.. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonElement.Parse(line["data: ".Length..]).GetProperty("choices")[0])];
        for (int index = 0; index < whole.Length; index++)
        {
            JsonElement[] own = [.. chunks.Where(chunk => chunk.GetProperty("index").GetInt32() == index)];
            Assert.Equal(Calls(whole[index]), Calls(own));
            Assert.Equal(whole[index].GetProperty("finish_reason").GetString(), own[^1].GetProperty("finish_reason").GetString());
            Assert.Equal(
                whole[index].GetProperty("logprobs").GetProperty("content").GetArrayLength(),
                own.Where(chunk => chunk.GetProperty("logprobs").ValueKind != JsonValueKind.Null).Sum(chunk => chunk.GetProperty("logprobs").GetProperty("content").GetArrayLength()));
        }
    }

    [Fact]
    public async Task Client_CallsAndResults_GoBackAndForth()
    {
        await using TestApp app = await StartAsync();
        ChatClient client = app.OpenAIClient().GetChatClient("nano");
        var options = new ChatCompletionOptions { ToolChoice = ChatToolChoice.CreateFunctionChoice("get_time"), AllowParallelToolCalls = false, MaxOutputTokenCount = 100, Temperature = 0 };
        options.Tools.Add(ChatTool.CreateFunctionTool("get_time", "Tells the time."));
        List<OpenAI.Chat.ChatMessage> messages = [new SystemChatMessage("Be brief."), new UserChatMessage("What time is it?")];

        ChatCompletion asked = await client.CompleteChatAsync(messages, options, Cancellation);
        Assert.Equal(ChatFinishReason.ToolCalls, asked.FinishReason);
        ChatToolCall call = Assert.Single(asked.ToolCalls);
        Assert.Equal("get_time", call.FunctionName);
        Assert.Empty(JsonElement.Parse(call.FunctionArguments).EnumerateObject());
        messages.Add(new AssistantChatMessage(asked));
        messages.Add(new ToolChatMessage(call.Id, "half past nine"));
        options.ToolChoice = ChatToolChoice.CreateNoneChoice();
        ChatCompletion told = await client.CompleteChatAsync(messages, options, Cancellation);

        Assert.Equal(ChatFinishReason.Stop, told.FinishReason);
        Assert.Empty(told.ToolCalls);
    }

    [Fact]
    public async Task Post_ToolsAndHistory_GiveTheModelThisPrompt()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine, "Gemma2:ToolPrompt=Call these: {tools}");
        string history = $$$"""
            [
              {"role":"system","content":"Be brief."},
              {"role":"user","content":"The time?"},
              {"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_time","arguments":"{}"}},{"id":"call_2","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Rome\"}"}}]},
              {"role":"tool","tool_call_id":"call_1","content":"nine"},
              {"role":"tool","tool_call_id":"call_2","name":"get_weather","content":[{"type":"text","text":"rain"}]}
            ]
            """;

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted","messages":{{history}},"tools":[{{Time}}]}""");

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(
            $"<start_of_turn>user\nCall these: {{\"name\":\"get_time\",\"parameters\":{Tool.NoParameters}}}\n\nBe brief.\n\nThe time?<end_of_turn>\n"
            + "<start_of_turn>model\n<tool_call>\n{\"name\": \"get_time\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\":\"Rome\"}}\n</tool_call><end_of_turn>\n"
            + "<start_of_turn>user\n<tool_response>\nget_time: nine\n</tool_response>\n\n<tool_response>\nget_weather: rain\n</tool_response><end_of_turn>\n<start_of_turn>model\n",
            Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens));
    }

    [Theory]
    [InlineData("tools", "must be an array", """ "tools":{} """)]
    [InlineData("tools[0].type", "allowed is function", """ "tools":[{"type":"web_search"}] """)]
    [InlineData("tools[0].type", "is missing", """ "tools":[{"function":{"name":"f"}}] """)]
    [InlineData("tools[0].function", "is missing", """ "tools":[{"type":"function"}] """)]
    [InlineData("tools[0].function.name", "is missing", """ "tools":[{"type":"function","function":{}}] """)]
    [InlineData("tools[0].function.name", "letters, digits", """ "tools":[{"type":"function","function":{"name":"get weather"}}] """)]
    [InlineData("tools[0].function.parameters", "must be a JSON schema", """ "tools":[{"type":"function","function":{"name":"f","parameters":[]}}] """)]
    [InlineData("tools[0].function.parameters", "not valid Unicode", """ "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","title":"\ud800"}}}] """)]
    [InlineData("tools[1].function.parameters", "/properties/a/type", """ "tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{"a":{"type":"thing"}}}}}] """)]
    [InlineData("tools[0].function.colour", "unknown field", """ "tools":[{"type":"function","function":{"name":"f","colour":"red"}}] """)]
    [InlineData("tools", "'f' more than once", """ "tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}] """)]
    [InlineData("tool_choice", "tools is empty", """ "tool_choice":"required" """)]
    [InlineData("tool_choice", "allowed are none, auto, required", """ "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"any" """)]
    [InlineData("tool_choice.function.name", "no such function", """ "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}} """)]
    [InlineData("parallel_tool_calls", "true or false", """ "parallel_tool_calls":"yes" """)]
    public async Task Post_WrongTools_AreRefusedByName(string field, string said, string fields)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted","messages":{{Messages}},{{fields}}}""");
        await ErrorShape.AssertAsync(response, 400, field, null);
        Assert.Contains(said, await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("messages[1].tool_call_id", """[{"role":"user","content":"a"},{"role":"tool","content":"b"}]""")]
    [InlineData("messages[1].tool_call_id", """[{"role":"user","content":"a"},{"role":"tool","tool_call_id":"x","content":"b"}]""")]
    [InlineData("messages[0].tool_calls", """[{"role":"assistant","tool_calls":"x"},{"role":"user","content":"a"}]""")]
    [InlineData("messages[0].tool_calls[0].function", """[{"role":"assistant","tool_calls":[{"id":"x"}]},{"role":"user","content":"a"}]""")]
    [InlineData("messages[0].tool_calls[0].id", """[{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]},{"role":"user","content":"a"}]""")]
    public async Task Post_WrongCallsInHistory_AreRefusedByName(string field, string messages)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted","messages":{{messages}}}""");
        await ErrorShape.AssertAsync(response, 400, field, null);
    }

    [Fact]
    public async Task Post_TenThousandTools_AreRefusedAtOnce()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string tools = string.Join(',', Enumerable.Range(0, 10_000).Select(i => $$$"""{"type":"function","function":{"name":"f{{{i}}}"}}"""));
        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted","messages":{{Messages}},"tools":[{{tools}}]}""");
        await ErrorShape.AssertAsync(response, 400, "tools", null);
    }

    private static string Calls(JsonElement choice) => string.Join('|', choice.GetProperty("message").GetProperty("tool_calls").EnumerateArray()
        .Select(call => $"{call.GetProperty("function").GetProperty("name").GetString()}:{call.GetProperty("function").GetProperty("arguments").GetString()}"));

    private static string Calls(JsonElement[] chunks)
    {
        var calls = new List<string>();
        foreach (JsonElement call in chunks.Where(chunk => chunk.GetProperty("delta").TryGetProperty("tool_calls", out _)).SelectMany(chunk => chunk.GetProperty("delta").GetProperty("tool_calls").EnumerateArray()))
        {
            JsonElement function = call.GetProperty("function");
            if (function.TryGetProperty("name", out JsonElement name))
            {
                Assert.Equal(calls.Count, call.GetProperty("index").GetInt32());
                calls.Add($"{name.GetString()}:");
            }
            calls[call.GetProperty("index").GetInt32()] += function.GetProperty("arguments").GetString();
        }
        return string.Join('|', calls);
    }

    private static async Task<TestApp> StartAsync()
    {
        Machine.NeedsDevice();
        return await TestApp.StartAsync(await InferenceEngine.LoadAsync(
            new FolderModelSource(Path.Combine(Repository.Root, "samples/nano")), new EngineOptions { AllowSoftwareDevice = true, MaxSequences = 8 }, cancellationToken: Cancellation));
    }

    private static async Task<JsonElement[]> PostAsync(TestApp app, string messages, string options)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"nano","messages":{{messages}},{{options}}}""");
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return [.. JsonElement.Parse(text).GetProperty("choices").EnumerateArray()];
    }
}
