using System.Text.Json;
using Gemma2.Grammars.Tools;

namespace Gemma2.Functions.Tests.Anthropic;

/// <summary><c>POST /v1/messages</c>: what is asked of the engine, and what is answered.</summary>
public sealed class MessagesTests
{
    private const string Hi = """ "messages":[{"role":"user","content":"Hi"}] """;
    private const string Weather = """{"name":"get_weather","description":"Tells it.","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}""";
    private const string Call = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_Text_AnswersWithAMessage()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { CachedTokens = 3 };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement message = await app.AskAsync($$"""{"model":"scripted","max_tokens":50,{{Hi}}}""");

        Assert.Equal(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"], message.EnumerateObject().Select(field => field.Name));
        Assert.Matches("^msg_[0-9a-f]{32}$", message.GetProperty("id").GetString());
        Assert.Equal(("message", "assistant", "scripted"), (Text(message, "type"), Text(message, "role"), Text(message, "model")));
        Assert.Equal("""[{"type":"text","text":"Hello, world!"}]""", message.GetProperty("content").GetRawText());
        Assert.Equal(("end_turn", null), (Text(message, "stop_reason"), Text(message, "stop_sequence")));
        int prompt = engine.LastRequest!.PromptTokens.Count, answer = Vocabulary.Tokenizer.Encode("Hello, world!").Length + 1;
        Assert.Equal(
            $$"""{"input_tokens":{{prompt - 3}},"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":{{answer}},"service_tier":"standard"}""",
            message.GetProperty("usage").GetRawText());
    }

    [Fact]
    public async Task Post_Sampling_ReachesTheEngine()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        await app.AskAsync($$"""{"model":"scripted","max_tokens":50,"temperature":0.25,"top_p":0.5,"top_k":7,"seed":11,"stop_sequences":["a","b","c","d","e"],{{Hi}}}""");

        Assert.Equal((0.25, 0.5, 7, 11UL), (engine.LastRequest!.Sampling.Temperature, engine.LastRequest.Sampling.TopP, engine.LastRequest.Sampling.TopK, engine.LastRequest.Sampling.Seed));
        Assert.Equal(["a", "b", "c", "d", "e"], engine.LastRequest.Stop);
        Assert.Equal(50, engine.LastRequest.MaxTokens);
    }

    [Theory]
    [InlineData("end_turn", null, "Hello, world!", "\"max_tokens\":50")]
    [InlineData("max_tokens", null, "Hello", "\"max_tokens\":1")]
    [InlineData("stop_sequence", "wor", "Hello, ", "\"max_tokens\":50,\"stop_sequences\":[\"x\",\"wor\"]")]
    public async Task Post_AnAnswerThatEnds_SaysWhy(string reason, string? sequence, string content, string fields)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        JsonElement whole = await app.AskAsync($$"""{"model":"scripted",{{fields}},{{Hi}}}""");
        JsonElement delta = (await app.StreamAsync($$"""{"model":"scripted","stream":true,{{fields}},{{Hi}}}""")).Single(item => item.Name == "message_delta").Data.GetProperty("delta");

        Assert.StartsWith(whole.GetProperty("content")[0].GetProperty("text").GetString()!, content, StringComparison.Ordinal);
        Assert.Equal((reason, sequence), (Text(whole, "stop_reason"), Text(whole, "stop_sequence")));
        Assert.Equal((reason, sequence), (Text(delta, "stop_reason"), Text(delta, "stop_sequence")));
    }

    [Fact]
    public async Task Post_MoreTokensThanTheContextHolds_EndsWithTheContext()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = string.Concat(Enumerable.Repeat("Hello, world! ", 500)) });
        JsonElement message = await app.AskAsync($$"""{"model":"scripted","max_tokens":32000,{{Hi}}}""");
        Assert.Equal("model_context_window_exceeded", Text(message, "stop_reason"));
        Assert.Equal(512, message.GetProperty("usage").GetProperty("input_tokens").GetInt32() + message.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task Post_NothingSaid_HasNoContent()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "" });
        JsonElement message = await app.AskAsync($$"""{"model":"scripted","max_tokens":5,{{Hi}}}""");
        Assert.Equal(("[]", "end_turn"), (message.GetProperty("content").GetRawText(), Text(message, "stop_reason")));
        Assert.Equal(
            ["message_start", "message_delta", "message_stop"],
            (await app.StreamAsync($$"""{"model":"scripted","max_tokens":5,"stream":true,{{Hi}}}""")).Select(item => item.Name));
    }

    [Fact]
    public async Task Post_CallsOfFunctions_AreBlocks()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = $"{Call}\n{Call}" });

        JsonElement message = await app.AskAsync($$"""{"model":"scripted","max_tokens":200,"tools":[{{Weather}}],{{Hi}}}""");

        Assert.Equal("tool_use", Text(message, "stop_reason"));
        JsonElement[] blocks = [.. message.GetProperty("content").EnumerateArray()];
        string id = Text(message, "id")!["msg_".Length..];
        Assert.Equal([$"toolu_{id}_0", $"toolu_{id}_1"], blocks.Select(block => Text(block, "id")));
        Assert.All(blocks, block => Assert.Equal(("tool_use", "get_weather", "{\"city\": \"Rome\"}"), (Text(block, "type"), Text(block, "name"), block.GetProperty("input").GetRawText())));
    }

    [Fact]
    public async Task Post_CallThatIsCut_HasNoInputAndSaysWhy()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = Call };
        await using TestApp app = await TestApp.StartAsync(engine);
        int most = Vocabulary.Tokenizer.Encode(Call[..Call.IndexOf("Rome", StringComparison.Ordinal)]).Length;

        JsonElement message = await app.AskAsync($$"""{"model":"scripted","max_tokens":{{most}},"tools":[{{Weather}}],{{Hi}}}""");

        Assert.Equal(("max_tokens", "{}"), (Text(message, "stop_reason"), message.GetProperty("content")[0].GetProperty("input").GetRawText()));
    }

    [Fact]
    public async Task Stream_Text_ComesInAnthropicsEvents()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { CachedTokens = 2 };
        await using TestApp app = await TestApp.StartAsync(engine);

        (string Name, JsonElement Data)[] events = await app.StreamAsync($$"""{"model":"scripted","max_tokens":50,"stream":true,{{Hi}}}""");

        Assert.All(events, item => Assert.Equal(item.Name, Text(item.Data, "type")));
        Assert.Equal(["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"], events.Select(item => item.Name).Distinct());
        Assert.Equal(["content_block_stop", "message_delta", "message_stop"], events[^3..].Select(item => item.Name));
        JsonElement start = events[0].Data.GetProperty("message");
        Assert.Equal(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"], start.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("[]", null, null), (start.GetProperty("content").GetRawText(), Text(start, "stop_reason"), Text(start, "stop_sequence")));
        int prompt = engine.LastRequest!.PromptTokens.Count, answer = Vocabulary.Tokenizer.Encode("Hello, world!").Length + 1;
        Assert.Equal(
            $$"""{"input_tokens":{{prompt - 2}},"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":0,"service_tier":"standard"}""",
            start.GetProperty("usage").GetRawText());
        Assert.Equal("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""", events[1].Data.GetRawText());
        JsonElement[] deltas = [.. events.Where(item => item.Name == "content_block_delta").Select(item => item.Data)];
        Assert.All(deltas, delta => Assert.Equal((0, "text_delta"), (delta.GetProperty("index").GetInt32(), Text(delta.GetProperty("delta"), "type"))));
        Assert.Equal("Hello, world!", string.Concat(deltas.Select(delta => Text(delta.GetProperty("delta"), "text"))));
        Assert.Equal("""{"type":"content_block_stop","index":0}""", events[^3].Data.GetRawText());
        Assert.Equal("""{"stop_reason":"end_turn","stop_sequence":null}""", events[^2].Data.GetProperty("delta").GetRawText());
        Assert.Equal((prompt - 2, answer), (events[^2].Data.GetProperty("usage").GetProperty("input_tokens").GetInt32(), events[^2].Data.GetProperty("usage").GetProperty("output_tokens").GetInt32()));
        Assert.Equal("""{"type":"message_stop"}""", events[^1].Data.GetRawText());
    }

    [Fact]
    public async Task Stream_Calls_AreBlocksWhoseInputComesInPieces()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = $"{Call}\n{Call}" });

        (string Name, JsonElement Data)[] events = await app.StreamAsync($$"""{"model":"scripted","max_tokens":200,"stream":true,"tools":[{{Weather}}],{{Hi}}}""");

        string[] order = [.. events.Select(item => item.Data.TryGetProperty("index", out JsonElement index) ? $"{item.Name} {index}" : item.Name)];
        Assert.Equal(
            [
                "message_start", "content_block_start 0", "content_block_delta 0", "content_block_stop 0", "content_block_start 1", "content_block_delta 1", "content_block_stop 1",
                "message_delta", "message_stop",
            ],
            order.Where((name, place) => place == 0 || order[place - 1] != name));
        JsonElement block = events[1].Data.GetProperty("content_block");
        Assert.Equal(["type", "id", "name", "input", "caller"], block.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("tool_use", "get_weather", "{}"), (Text(block, "type"), Text(block, "name"), block.GetProperty("input").GetRawText()));
        for (int index = 0; index < 2; index++)
        {
            JsonElement[] deltas = [.. events.Where(item => item.Name == "content_block_delta" && item.Data.GetProperty("index").GetInt32() == index).Select(item => item.Data.GetProperty("delta"))];
            Assert.All(deltas, delta => Assert.Equal("input_json_delta", Text(delta, "type")));
            Assert.Equal("{\"city\": \"Rome\"}", string.Concat(deltas.Select(delta => Text(delta, "partial_json"))));
        }
        Assert.Equal("tool_use", Text(events[^2].Data.GetProperty("delta"), "stop_reason"));
    }

    [Fact]
    public async Task Stream_ThatFails_EndsWithAnError()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new Backend.GenerationException("It broke.") });

        (string Name, JsonElement Data)[] events = await app.StreamAsync($$"""{"model":"scripted","max_tokens":50,"stream":true,{{Hi}}}""");

        Assert.Equal("error", events[^1].Name);
        Assert.Equal(["type", "error", "request_id"], events[^1].Data.EnumerateObject().Select(field => field.Name));
        Assert.Equal("""{"type":"api_error","message":"It broke."}""", events[^1].Data.GetProperty("error").GetRawText());
        Assert.DoesNotContain(events, item => item.Name == "message_stop");
    }

    [Fact]
    public async Task Post_AConversation_GivesTheModelThisPrompt()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine, "Gemma2:ToolPrompt=Call these: {tools}");

        await app.AskAsync($$$"""
            {"model":"scripted","max_tokens":5,
             "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Be kind."}],
             "tools":[{{{Weather}}}],
             "messages":[
              {"role":"user","content":"Weather?"},
              {"role":"user","content":[{"type":"text","text":"In Rome.","cache_control":{"type":"ephemeral"}}]},
              {"role":"assistant","id":"msg_1","content":[
                {"type":"thinking","thinking":"Hm.","signature":"x"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"Let me look.","citations":null},
                {"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Rome"},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_2","name":"get_weather","input":{}}]},
              {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"toolu_1","content":"rain"},
                {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":[{"type":"text","text":"no"},{"type":"text","text":"city"}]},
                {"type":"text","text":"And now?"}]}]}
            """);

        const string tool = """{"name":"get_weather","description":"Tells it.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}""";
        Assert.Equal(
            $"<start_of_turn>user\nCall these: {tool}\n\nBe brief.\n\nBe kind.\n\nWeather?\n\nIn Rome.<end_of_turn>\n"
            + $"<start_of_turn>model\nLet me look.\n\n{ToolSyntax.Call("get_weather", "{\"city\":\"Rome\"}")}\n{ToolSyntax.Call("get_weather", "{}")}<end_of_turn>\n"
            + "<start_of_turn>user\n<tool_response>\nget_weather: rain\n</tool_response>\n\n<tool_response>\nget_weather: Error: no\ncity\n</tool_response>\n\nAnd now?<end_of_turn>\n<start_of_turn>model\n",
            Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens));
    }

    [Fact]
    public async Task Post_ALastMessageOfTheAssistant_IsContinued()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        await app.AskAsync("""{"model":"scripted","max_tokens":5,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"The answer is"}]}""");
        Assert.Equal("<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nThe answer is", Vocabulary.Tokenizer.Decode(engine.LastRequest!.PromptTokens));
    }

    [Fact]
    public async Task CountTokens_OfARequest_IsWhatItsPromptHas()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        string prompt = $$"""{"model":"scripted","system":"Be brief.","tools":[{{Weather}}],"tool_choice":{"type":"auto"},"thinking":{"type":"disabled"},{{Hi}}""";

        using HttpResponseMessage response = await app.PostAsync("/v1/messages/count_tokens", prompt + "}");

        JsonElement usage = (await app.AskAsync(prompt + ",\"max_tokens\":5}")).GetProperty("usage");
        Assert.Equal($$"""{"input_tokens":{{usage.GetProperty("input_tokens").GetInt32()}}}""", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.NotEmpty(response.Headers.GetValues("request-id").Single());
    }

    [Fact]
    public async Task CountTokens_OfWhatDoesNotFit_IsToldAllTheSame()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        string messages = $$"""[{"role":"user","content":"{{string.Concat(Enumerable.Repeat("Hello, world! ", 300))}}"}]""";

        using HttpResponseMessage counted = await app.PostAsync("/v1/messages/count_tokens", $$"""{"model":"scripted","messages":{{messages}}}""");
        using HttpResponseMessage asked = await app.PostAsync("/v1/messages", $$"""{"model":"scripted","max_tokens":1,"messages":{{messages}}}""");

        Assert.True(JsonElement.Parse(await counted.Content.ReadAsStringAsync(Cancellation)).GetProperty("input_tokens").GetInt32() > 512);
        await AnthropicAnswers.AssertErrorAsync(asked, 400, "invalid_request_error", "The context holds 512 tokens");
    }

    [Fact]
    public async Task Post_OnFoundrysPath_IsTheSame()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        using HttpResponseMessage response = await app.PostAsync("/anthropic/v1/messages", $$"""{"model":"scripted","max_tokens":50,{{Hi}}}""");
        using HttpResponseMessage unknown = await app.PostAsync("/anthropic/v1/nothing", "{}");
        Assert.True(response.IsSuccessStatusCode);
        await AnthropicAnswers.AssertErrorAsync(unknown, 404, "not_found_error", "POST /anthropic/v1/nothing");
    }

    private static string? Text(JsonElement element, string field) => element.GetProperty(field).GetString();
}
