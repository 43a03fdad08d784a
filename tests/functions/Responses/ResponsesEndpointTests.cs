using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Azure.Core;
using Azure.Storage.Blobs;
using Gemma2.Functions.Tests.Jobs;
using Gemma2.Storage;
using Gemma2.Storage.Tests.Faults;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Responses;

/// <summary>The routes of responses over plain HTTP: the object, what is kept of it, and for whom.</summary>
public sealed class ResponsesEndpointTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_Plain_HasEveryFieldOfOpenAIsObject()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));

        JsonElement response = await PostAsync(app, """{"model":"scripted","input":"Hi"}""");

        Assert.Equal(
            [
                "id", "object", "created_at", "status", "background", "completed_at", "error", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "model", "output",
                "parallel_tool_calls", "previous_response_id", "prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "temperature", "text",
                "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage", "user", "metadata",
            ],
            response.EnumerateObject().Select(field => field.Name));
        foreach (string name in (string[])["error", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt_cache_key", "safety_identifier", "user"])
            Assert.Equal(JsonValueKind.Null, response.GetProperty(name).ValueKind);
        Assert.Equal(
            """["completed",false,true,{"effort":null,"summary":null},"default",false,1,{"format":{"type":"text"},"verbosity":"medium"},"auto",[],0,1,"disabled",{}]""",
            $"[{string.Join(',', new[] { "status", "background", "parallel_tool_calls", "reasoning", "service_tier", "store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "metadata" }
                .Select(name => response.GetProperty(name).GetRawText()))}]");
        JsonElement usage = response.GetProperty("usage");
        Assert.Equal(["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"], usage.EnumerateObject().Select(field => field.Name));
        Assert.Equal(("""{"cached_tokens":0}""", """{"reasoning_tokens":0}"""), (usage.GetProperty("input_tokens_details").GetRawText(), usage.GetProperty("output_tokens_details").GetRawText()));
        Assert.True(response.GetProperty("completed_at").GetInt64() >= response.GetProperty("created_at").GetInt64(), response.GetRawText());
    }

    [Fact]
    public async Task Post_Settings_AreRepeated()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        const string choice = """{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}""";

        JsonElement response = await PostAsync(app, $$$"""
            {"model":"scripted","input":"Hi","instructions":"x","top_p":0,"service_tier":"flex","tools":[{"type":"function","name":"f","parameters":{"type":"object","title":"ü"}}],
             "tool_choice":{{{choice}}},"text":{"format":{"type":"json_schema","name":"x","schema":{"type":"string"} } },"metadata":{"ü":"ö"} }
            """);

        Assert.Equal("""[{"type":"function","description":null,"name":"f","parameters":{"type":"object","title":"ü"},"strict":true}]""", response.GetProperty("tools").GetRawText());
        Assert.Equal(choice, response.GetProperty("tool_choice").GetRawText());
        Assert.Equal("""{"format":{"type":"json_schema","description":null,"name":"x","schema":{"type":"string"},"strict":true},"verbosity":"medium"}""", response.GetProperty("text").GetRawText());
        Assert.Equal(("x", 0d, "flex", """{"ü":"ö"}"""), (
            response.GetProperty("instructions").GetString(), response.GetProperty("top_p").GetDouble(), response.GetProperty("service_tier").GetString(), response.GetProperty("metadata").GetRawText()));
    }

    [Theory]
    [InlineData("/v1/responses")]
    [InlineData("/openai/v1/responses")]
    public async Task Get_Stored_IsWhatWasTold(string path)
    {
        await using TestApp app = await StartAsync();

        JsonElement told = await PostAsync(app, """{"model":"scripted","input":"Hi","metadata":{"a":"b"}}""", path);

        Assert.True(told.GetProperty("store").GetBoolean());
        Assert.Equal(told.GetRawText(), await app.Client.GetStringAsync($"{path}/{Id(told)}", Cancellation));
    }

    [Fact]
    public async Task Get_StoredByAStream_IsWhatItsLastEventTold()
    {
        await using TestApp app = await StartAsync();
        using HttpResponseMessage streamed = await app.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi","stream":true}""");
        JsonElement last = JsonElement.Parse((await streamed.Content.ReadAsStringAsync(Cancellation)).Split("data: ")[^1]).GetProperty("response");

        Assert.Equal(last.GetRawText(), await app.Client.GetStringAsync($"/v1/responses/{Id(last)}", Cancellation));
    }

    [Fact]
    public async Task Post_StoreFalse_LeavesNothing()
    {
        StorageAccount account = await StorageAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);

        JsonElement told = await PostAsync(app, """{"model":"scripted","input":"Hi","store":false}""");

        Assert.False(told.GetProperty("store").GetBoolean());
        Assert.Empty(await account.BlobsAsync(StorageNames.Responses));
        using HttpResponseMessage found = await app.Client.GetAsync($"/v1/responses/{Id(told)}", Cancellation);
        await ErrorShape.AssertAsync(found, 404, "id", "not_found");
        using HttpResponseMessage next = await app.PostAsync("/v1/responses", $$"""{"model":"scripted","input":"Hi","previous_response_id":"{{Id(told)}}"}""");
        await ErrorShape.AssertAsync(next, 400, "previous_response_id", "previous_response_not_found");
    }

    [Theory]
    [InlineData("previous_response_not_found", "resp_0")]
    [InlineData("previous_response_not_found", "../resp_0")]
    [InlineData("previous_response_not_found", "")]
    public async Task Post_UnknownPrevious_IsRefused(string code, string id)
    {
        await using TestApp app = await StartAsync();
        using HttpResponseMessage response = await app.PostAsync("/v1/responses", $$"""{"model":"scripted","input":"Hi","previous_response_id":"{{id}}"}""");
        await ErrorShape.AssertAsync(response, 400, "previous_response_id", code);
    }

    [Fact]
    public async Task Send_WithoutStorage_AnswersButKeepsNothing()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer));
        Assert.False((await PostAsync(app, """{"model":"scripted","input":"Hi","store":true}""")).GetProperty("store").GetBoolean());

        using HttpResponseMessage next = await app.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi","previous_response_id":"resp_1"}""");
        await ErrorShape.AssertAsync(next, 400, "previous_response_id", "no_storage");
        using HttpResponseMessage reference = await app.PostAsync("/v1/responses", $$"""{"model":"scripted","input":[{"type":"item_reference","id":"msg_{{Guid.NewGuid():N}}"}]}""");
        await ErrorShape.AssertAsync(reference, 400, "input[0].id", null);
        using HttpResponseMessage found = await app.Client.GetAsync("/v1/responses/resp_1", Cancellation);
        await ErrorShape.AssertAsync(found, 501, null, "no_storage");
    }

    [Fact]
    public async Task Items_OfAResponse_AreListedInPages()
    {
        await using TestApp app = await StartAsync();
        string items = string.Join(',', Enumerable.Range(1, 5).Select(number => $$"""{"role":"user","content":"m{{number}}","id":"msg_{{number}}"}"""));
        string path = $"/v1/responses/{Id(await PostAsync(app, $$"""{"model":"scripted","input":[{{items}}]}"""))}/input_items";

        JsonElement newest = JsonElement.Parse(await app.Client.GetStringAsync($"{path}?limit=2", Cancellation));

        Assert.Equal(
            """{"object":"list","data":[{"id":"msg_5","type":"message","status":"completed","content":[{"type":"input_text","text":"m5"}],"role":"user"},{"id":"msg_4","type":"message","status":"completed","content":[{"type":"input_text","text":"m4"}],"role":"user"}],"first_id":"msg_5","last_id":"msg_4","has_more":true}""",
            newest.GetRawText());
        Assert.Equal(["msg_3", "msg_2", "msg_1"], await IdsAsync(app, $"{path}?after=msg_4"));
        Assert.Equal(["msg_1", "msg_2"], await IdsAsync(app, $"{path}?order=asc&limit=2"));
        Assert.Equal([], await IdsAsync(app, $"{path}?after=msg_1"));
        using HttpResponseMessage wrong = await app.Client.GetAsync($"{path}?limit=101", Cancellation);
        await ErrorShape.AssertAsync(wrong, 400, "limit", null);
    }

    [Fact]
    public async Task Send_WhatIsNotDone_IsRefusedClearly()
    {
        await using TestApp app = await StartAsync();
        string path = $"/v1/responses/{Id(await PostAsync(app, """{"model":"scripted","input":"Hi"}"""))}";

        using HttpResponseMessage stream = await app.Client.GetAsync(path + "?stream=true", Cancellation);
        await ErrorShape.AssertAsync(stream, 400, "stream", null);
        using HttpResponseMessage cancel = await app.PostAsync(path + "/cancel", "{}");
        await ErrorShape.AssertAsync(cancel, 400, null, null);
        using HttpResponseMessage unknown = await app.PostAsync("/v1/responses/resp_0/cancel", "{}");
        await ErrorShape.AssertAsync(unknown, 404, "id", "not_found");
        using HttpResponseMessage damaged = await app.Client.GetAsync("/v1/responses/a%2Fb", Cancellation);
        await ErrorShape.AssertAsync(damaged, 404, "id", "not_found");
    }

    [Fact]
    public async Task Responses_OfAnotherKey_AreNotThere()
    {
        await using TestApp app = await StartAsync("Gemma2:ApiKeys=a=one-0123456789abcd,b=two-0123456789abcd");
        JsonElement told = await SendAsync(app, "one", HttpMethod.Post, "/v1/responses", """{"model":"scripted","input":"Hi"}""", 200);
        string id = Id(told), item = told.GetProperty("output")[0].GetProperty("id").GetString()!;

        foreach ((HttpMethod method, string path) in new[]
        {
            (HttpMethod.Get, $"/v1/responses/{id}"), (HttpMethod.Delete, $"/v1/responses/{id}"), (HttpMethod.Get, $"/v1/responses/{id}/input_items"), (HttpMethod.Post, $"/v1/responses/{id}/cancel"),
            (HttpMethod.Get, $"/v1/responses/a%2F{id}"),
        })
            await SendAsync(app, "two", method, path, null, 404);
        await SendAsync(app, "two", HttpMethod.Post, "/v1/responses", $$"""{"model":"scripted","input":"Hi","previous_response_id":"{{id}}"}""", 400);
        await SendAsync(app, "two", HttpMethod.Post, "/v1/responses", $$"""{"model":"scripted","input":[{"type":"item_reference","id":"{{item}}"}]}""", 400);
        await SendAsync(app, "one", HttpMethod.Post, "/v1/responses", $$"""{"model":"scripted","input":[{"type":"item_reference","id":"{{item}}"}]}""", 200);
        await SendAsync(app, "one", HttpMethod.Delete, $"/v1/responses/{id}", null, 200);
        await SendAsync(app, "one", HttpMethod.Get, $"/v1/responses/{id}", null, 404);
    }

    [Fact]
    public async Task Get_DamagedBlob_IsAnErrorOfStorage()
    {
        string connection = azurite.NewConnectionString();
        StorageAccount account = await StorageAccount.CreateAsync(connection);
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), account.Setting);
        await new BlobClient(connection, StorageNames.Responses, "resp_1.json").UploadAsync(BinaryData.FromString("""{"response":{"output":[{"type":"x"}]},"items":[]}"""), Cancellation);
        await new BlobClient(connection, StorageNames.Responses, "resp_2.json").UploadAsync(BinaryData.FromString("<html>"), Cancellation);

        using HttpResponseMessage next = await app.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi","previous_response_id":"resp_1"}""");
        await ErrorShape.AssertAsync(next, 503, null, "storage_unavailable");
        using HttpResponseMessage found = await app.Client.GetAsync("/v1/responses/resp_2", Cancellation);
        await ErrorShape.AssertAsync(found, 503, null, "storage_unavailable");
    }

    [Fact]
    public async Task Post_StorageThatFails_FailsWhatWasToBeKept()
    {
        await using JobRig rig = await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer));
        rig.Faults.Play(FaultTransport.Answer(503, "ServerBusy"), IsResponse);

        using HttpResponseMessage whole = await rig.App.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi"}""");
        using HttpResponseMessage stream = await rig.App.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi","stream":true}""");

        await ErrorShape.AssertAsync(whole, 503, null, "storage_unavailable");
        Assert.Contains("event: response.failed\n", await stream.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        await PostAsync(rig.App, """{"model":"scripted","input":"Hi","store":false}""");
    }

    [Fact]
    public async Task Post_StorageThatHangs_IsGivenUp()
    {
        await using JobRig rig = await JobRig.StartAsync(
            await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer), null, "Gemma2:RequestSeconds=1");
        rig.Faults.Play(FaultTransport.Hang, IsResponse);

        using HttpResponseMessage response = await rig.App.PostAsync("/v1/responses", """{"model":"scripted","input":"Hi"}""");

        await ErrorShape.AssertAsync(response, 503, null, "timeout");
    }

    [Fact]
    public async Task Post_StorageWhoseReplyIsLost_KeepsTheResponse()
    {
        await using JobRig rig = await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), new ScriptedEngine(Vocabulary.Tokenizer));
        rig.Faults.Play(FaultTransport.LoseReply, IsResponse, times: 1);

        JsonElement told = await PostAsync(rig.App, """{"model":"scripted","input":"Hi"}""");

        Assert.Equal(2, rig.Faults.Matched);
        rig.Faults.Stop();
        Assert.Equal(told.GetRawText(), await rig.App.Client.GetStringAsync($"/v1/responses/{Id(told)}", Cancellation));
        rig.Faults.Play(FaultTransport.LoseReply, request => request.Method == RequestMethod.Delete, times: 1);
        using HttpResponseMessage deleted = await rig.App.Client.DeleteAsync($"/v1/responses/{Id(told)}", Cancellation);
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
    }

    [Fact]
    public async Task Post_TooLong_IsRefusedUnlessItMayBeTruncated()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        string items = string.Join(',', Enumerable.Range(1, 100).Select(number => $$"""{"role":"{{(number % 2 == 1 ? "user" : "assistant")}}","content":"message number {{number}}"}"""));
        string body = $$"""{"model":"scripted","instructions":"Be brief.","input":[{{items}},{"role":"user","content":"The last."}],"max_output_tokens":50""";

        using HttpResponseMessage refused = await app.PostAsync("/v1/responses", body + "}");
        JsonElement response = await PostAsync(app, body + ",\"truncation\":\"auto\"}");

        await ErrorShape.AssertAsync(refused, 400, "input", "context_length_exceeded");
        Assert.Contains("max_output_tokens", await refused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal("auto", response.GetProperty("truncation").GetString());
        int tokens = engine.LastRequest!.PromptTokens.Count;
        Assert.InRange(tokens, (engine.ContextLength - 50) * 3 / 4, engine.ContextLength - 50);
        string prompt = Vocabulary.Tokenizer.Decode(engine.LastRequest.PromptTokens);
        Assert.Contains("Be brief.", prompt, StringComparison.Ordinal);
        Assert.Contains("message number 100", prompt, StringComparison.Ordinal);
        Assert.Contains("The last.", prompt, StringComparison.Ordinal);
        Assert.DoesNotContain("message number 1\n", prompt.Replace("<end_of_turn>", "\n", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Count_Input_IsWhatThePromptWouldHave()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        const string fields = """ "instructions":"Be brief.","input":"Hi","tools":[{"type":"function","name":"f"}] """;
        JsonElement response = await PostAsync(app, $$"""{"model":"scripted",{{fields}}}""");

        JsonElement count = await PostAsync(app, $$"""{{{fields}}}""", "/v1/responses/input_tokens");

        Assert.Equal($$"""{"object":"response.input_tokens","input_tokens":{{response.GetProperty("usage").GetProperty("input_tokens").GetInt32()}}}""", count.GetRawText());
        using HttpResponseMessage other = await app.PostAsync("/v1/responses/input_tokens", """{"model":"other","input":"Hi"}""");
        await ErrorShape.AssertAsync(other, 404, "model", "model_not_found");
    }

    private async Task<TestApp> StartAsync(params string[] settings) => await TestApp.StartAsync(
        new ScriptedEngine(Vocabulary.Tokenizer), [(await StorageAccount.CreateAsync(azurite.NewConnectionString())).Setting, .. settings]);

    private static bool IsResponse(Request request) => request.Uri.ToString().Contains("/responses/", StringComparison.Ordinal);

    private static async Task<JsonElement> PostAsync(TestApp app, string body, string path = "/v1/responses")
    {
        using HttpResponseMessage response = await app.PostAsync(path, body);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static async Task<JsonElement> SendAsync(TestApp app, string key, HttpMethod method, string path, string? body, int status)
    {
        using var request = new HttpRequestMessage(method, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key + "-0123456789abcd") } };
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == (HttpStatusCode)status, $"{method} {path}: {(int)response.StatusCode} {text}");
        return JsonElement.Parse(text);
    }

    private static async Task<IEnumerable<string?>> IdsAsync(TestApp app, string path) =>
        [.. JsonElement.Parse(await app.Client.GetStringAsync(path, Cancellation)).GetProperty("data").EnumerateArray().Select(item => item.GetProperty("id").GetString())];

    private static string Id(JsonElement response) => response.GetProperty("id").GetString()!;
}
