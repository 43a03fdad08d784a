using System.Net.ServerSentEvents;
using System.Text.Json;
using Gemma2.Backend;

namespace Gemma2.Functions.Tests.Responses;

/// <summary>The events of a stream, one by one: their order, their numbers, what each holds.</summary>
public sealed class ResponsesStreamTests
{
    private const string Tools = """ "tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}] """;

    private static readonly string[] AroundText = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"];
    private static readonly string[] AfterText = ["response.output_text.done", "response.content_part.done", "response.output_item.done"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stream_Text_HasOpenAIsEventsInTheirOrder()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "one two three" };

        JsonElement[] events = await StreamAsync(engine, """ "input":"Hi","metadata":{"a":"b"} """);

        string[] types = [.. events.Select(Type)];
        int deltas = types.Count(type => type == "response.output_text.delta");
        Assert.True(deltas > 1, "The answer came in one piece.");
        Assert.Equal([.. AroundText, .. Enumerable.Repeat("response.output_text.delta", deltas), .. AfterText, "response.completed"], types);
        foreach (JsonElement begun in events[..2])
        {
            JsonElement response = begun.GetProperty("response");
            Assert.Equal(("in_progress", 0, JsonValueKind.Null), (Text(response, "status"), response.GetProperty("output").GetArrayLength(), response.GetProperty("usage").ValueKind));
        }
        string id = Text(events[2].GetProperty("item"), "id");
        Assert.Equal(
            $$$"""{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"{{{id}}}","type":"message","status":"in_progress","content":[],"role":"assistant"}}""",
            events[2].GetRawText());
        Assert.Equal(
            $$$"""{"type":"response.content_part.added","sequence_number":3,"item_id":"{{{id}}}","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}""",
            events[3].GetRawText());
        Assert.Equal(["type", "sequence_number", "item_id", "output_index", "content_index", "delta", "logprobs"], events[4].EnumerateObject().Select(field => field.Name));
        Assert.Equal(engine.Answer, string.Concat(events[4..(4 + deltas)].Select(delta => Text(delta, "delta"))));
        int done = 4 + deltas;
        Assert.Equal(
            $$"""{"type":"response.output_text.done","sequence_number":{{done}},"item_id":"{{id}}","output_index":0,"content_index":0,"text":"one two three","logprobs":[]}""", events[done].GetRawText());
        Assert.Equal(
            $$$"""{"type":"response.content_part.done","sequence_number":{{{done + 1}}},"item_id":"{{{id}}}","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"one two three"}}""",
            events[done + 1].GetRawText());
        const string item = """{"id":"ID","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"one two three"}],"role":"assistant"}""";
        Assert.Equal(item.Replace("ID", id, StringComparison.Ordinal), events[done + 2].GetProperty("item").GetRawText());
        JsonElement whole = events[^1].GetProperty("response");
        Assert.Equal(("completed", item.Replace("ID", id, StringComparison.Ordinal)), (Text(whole, "status"), Assert.Single(whole.GetProperty("output").EnumerateArray()).GetRawText()));
        Assert.Equal("""{"a":"b"}""", whole.GetProperty("metadata").GetRawText());
    }

    [Fact]
    public async Task Stream_Calls_HaveOpenAIsEventsInTheirOrder()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            Answer = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
        };

        JsonElement[] events = await StreamAsync(engine, $""" "input":"Hi",{Tools} """);

        string[] types = [.. events.Select(Type)];
        Assert.Equal(
            [
                "response.created", "response.in_progress",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done",
                "response.completed",
            ],
            types.Where((type, index) => index == 0 || type != types[index - 1]));
        JsonElement[] added = [.. events.Where(item => Type(item) == "response.output_item.added").Select(item => item.GetProperty("item"))];
        Assert.Equal([("f", "", "in_progress"), ("g", "", "in_progress")], added.Select(item => (Text(item, "name"), Text(item, "arguments"), Text(item, "status"))));
        JsonElement[] done = [.. events.Where(item => Type(item) == "response.function_call_arguments.done")];
        Assert.Equal([("""{"a": 1}""", "f", 0), ("{}", "g", 1)], done.Select(item => (Text(item, "arguments"), Text(item, "name"), item.GetProperty("output_index").GetInt32())));
        Assert.Equal(added.Select(item => Text(item, "id")), done.Select(item => Text(item, "item_id")));
        Assert.Equal("""{"a": 1}""", string.Concat(events.Where(item => Type(item) == "response.function_call_arguments.delta" && item.GetProperty("output_index").GetInt32() == 0).Select(item => Text(item, "delta"))));
        JsonElement[] output = [.. events[^1].GetProperty("response").GetProperty("output").EnumerateArray()];
        Assert.Equal(output.Select(item => item.GetRawText()), events.Where(item => Type(item) == "response.output_item.done").Select(item => item.GetProperty("item").GetRawText()));
        Assert.All(output, item => Assert.Equal(["id", "type", "status", "arguments", "call_id", "name"], item.EnumerateObject().Select(field => field.Name)));
    }

    [Fact]
    public async Task Stream_ReplyBesideTools_IsAMessage()
    {
        JsonElement[] events = await StreamAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "Hello there" }, $""" "input":"Hi",{Tools} """);
        Assert.Equal(AroundText, events[..4].Select(Type));
        Assert.Equal([.. AfterText, "response.completed"], events[^4..].Select(Type));
        Assert.Equal("Hello there", Text(events[^4], "text"));
    }

    [Fact]
    public async Task Stream_EmptyAnswer_IsAnEmptyMessage()
    {
        JsonElement[] events = await StreamAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "" }, """ "input":"Hi" """);
        Assert.Equal([.. AroundText, .. AfterText, "response.completed"], events.Select(Type));
        Assert.Equal("", events[^1].GetProperty("response").GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(Tools)]
    public async Task Stream_CutByItsLimit_IsIncomplete(string tools)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = tools.Length > 0 ? "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>" : "one two three four" };
        int most = tools.Length > 0 ? Vocabulary.Tokenizer.Encode(engine.Answer[..^20]).Length : 2;

        JsonElement[] events = await StreamAsync(engine, $""" "input":"Hi","max_output_tokens":{most}{(tools.Length > 0 ? "," + tools : "")} """);

        Assert.Equal("response.incomplete", Type(events[^1]));
        JsonElement response = events[^1].GetProperty("response");
        Assert.Equal(("incomplete", """{"reason":"max_output_tokens"}"""), (Text(response, "status"), response.GetProperty("incomplete_details").GetRawText()));
        Assert.Equal(JsonValueKind.Null, response.GetProperty("completed_at").ValueKind);
        Assert.Equal("incomplete", Text(events[^2].GetProperty("item"), "status"));
        Assert.Equal(events[^2].GetProperty("item").GetRawText(), response.GetProperty("output")[0].GetRawText());
    }

    [Theory]
    [InlineData(""" "include":["message.output_text.logprobs"],"top_logprobs":2 """)]
    [InlineData(""" "top_logprobs":2 """)]
    [InlineData(""" "top_logprobs":2,"tools":[{"type":"function","name":"f"}] """)]
    public async Task Stream_LogProbabilities_AreTheSameInEachPlace(string options)
    {
        JsonElement[] events = await StreamAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "one 世界" }, $""" "input":"Hi",{options} """);

        string[] told = [.. events.Where(item => Type(item) == "response.output_text.delta").SelectMany(item => item.GetProperty("logprobs").EnumerateArray()).Select(token => token.GetRawText())];
        Assert.Equal(Vocabulary.Tokenizer.Encode("one 世界").Length, told.Length);
        JsonElement token = JsonElement.Parse(told[0]);
        Assert.Equal(["token", "logprob", "bytes", "top_logprobs"], token.EnumerateObject().Select(field => field.Name));
        Assert.Equal(2, token.GetProperty("top_logprobs").GetArrayLength());
        foreach (JsonElement place in new[] { events[^4], events[^3].GetProperty("part"), events[^1].GetProperty("response").GetProperty("output")[0].GetProperty("content")[0] })
            Assert.Equal(told, place.GetProperty("logprobs").EnumerateArray().Select(entry => entry.GetRawText()));
    }

    [Fact]
    public async Task Stream_ThatFails_TellsTheErrorAndFails()
    {
        JsonElement[] events = await StreamAsync(new ScriptedEngine(Vocabulary.Tokenizer) { BeforeEnd = _ => throw new GenerationException("No sense.") }, """ "input":"Hi" """);

        Assert.Equal(["error", "response.failed"], events[^2..].Select(Type));
        Assert.Equal(("No sense.", "generation_failed", JsonValueKind.Null), (Text(events[^2], "message"), Text(events[^2], "code"), events[^2].GetProperty("param").ValueKind));
        JsonElement response = events[^1].GetProperty("response");
        Assert.Equal(("failed", """{"code":"server_error","message":"No sense."}"""), (Text(response, "status"), response.GetProperty("error").GetRawText()));
    }

    /// <summary>All events; each has its name, and they are numbered.</summary>
    private static async Task<JsonElement[]> StreamAsync(ScriptedEngine engine, string fields)
    {
        await using TestApp app = await TestApp.StartAsync(engine);
        using HttpResponseMessage response = await app.PostAsync("/v1/responses", $$"""{"model":"scripted","stream":true,{{fields}}}""");
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        SseItem<string>[] items = [.. SseParser.Create(await response.Content.ReadAsStreamAsync(Cancellation)).Enumerate()];
        JsonElement[] events = [.. items.Select(item => JsonElement.Parse(item.Data))];
        Assert.Equal(items.Select(item => item.EventType), events.Select(Type));
        Assert.Equal(Enumerable.Range(0, events.Length), events.Select(item => item.GetProperty("sequence_number").GetInt32()));
        return events;
    }

    private static string Type(JsonElement item) => Text(item, "type");

    private static string Text(JsonElement item, string name) => item.GetProperty(name).GetString()!;
}
