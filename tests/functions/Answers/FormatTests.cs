using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Grammars;
using Gemma2.Grammars.Masks;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Service.Model;
using Gemma2.Service.Options;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>Answers of a given form, by the embedded model: whatever chance picks, they have it, and one that was cut says so.</summary>
public sealed class FormatTests
{
    private const string Person = """{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Every spelling of a schema.</summary>
    public static TheoryData<string> SchemaFields => new(
        $$$""" "response_format":{"type":"json_schema","json_schema":{"name":"person","strict":true,"schema":{{{Person}}}}} """,
        $$$""" "response_format":{"type":"json_schema","json_schema":{"name":"person","strict":false,"description":"A person.","schema":{{{Person}}}}} """,
        $$$""" "response_format":{"type":"json_object","schema":{{{Person}}}} """,
        $$""" "guided_json":{{Person}} """,
        $$""" "guided_json":{{JsonSerializer.Serialize(Person)}} """,
        $$$""" "structured_outputs":{"json":{{{Person}}}} """);

    [Theory]
    [MemberData(nameof(SchemaFields))]
    public async Task Post_Schema_AnswersFitIt(string field)
    {
        await using TestApp app = await StartAsync();

        foreach ((string text, string finish) in await PostAsync(app, $$"""{"temperature":1.5,"n":4,"max_tokens":80,"seed":3,{{field}}}"""))
        {
            if (finish == "length")
                continue;
            JsonElement person = JsonElement.Parse(text);
            Assert.Equal(["name", "age"], person.EnumerateObject().Select(member => member.Name));
            Assert.True(person.GetProperty("name").GetString()!.Length <= 12);
            Assert.Equal(JsonValueKind.Number, person.GetProperty("age").ValueKind);
        }
    }

    [Fact]
    public async Task Post_JsonObject_IsAnObject()
    {
        await using TestApp app = await StartAsync();

        var answers = await PostAsync(app, """{"temperature":1,"n":6,"max_tokens":60,"seed":1,"response_format":{"type":"json_object"}}""");

        Assert.All(answers, answer => Assert.StartsWith("{", answer.Text.TrimStart(), StringComparison.Ordinal));
        Assert.All(answers.Where(answer => answer.Finish == "stop"), answer => Assert.Equal(JsonValueKind.Object, JsonElement.Parse(answer.Text).ValueKind));
    }

    [Theory]
    [InlineData(""" "guided_choice":["yes","no","maybe later"] """)]
    [InlineData(""" "structured_outputs":{"choice":["yes","no","maybe later"]} """)]
    [InlineData(""" "guided_regex":"yes|no|maybe later" """)]
    [InlineData(""" "grammar":"root ::= \"yes\" | \"no\" | \"maybe later\"" """)]
    [InlineData(""" "guided_grammar":"root ::= short | \"maybe later\"\nshort ::= \"yes\" | \"no\"" """)]
    public async Task Post_FewTexts_OneOfThemComes(string field)
    {
        await using TestApp app = await StartAsync();

        var answers = await PostAsync(app, $$"""{"temperature":2,"n":12,"seed":2,{{field}}}""");

        Assert.All(answers, answer => Assert.Contains((answer.Text, answer.Finish), new[] { ("yes", "stop"), ("no", "stop"), ("maybe later", "stop") }));
    }

    [Fact]
    public async Task Post_CutAnswer_SaysSo()
    {
        await using TestApp app = await StartAsync();

        (string text, string finish) = (await PostAsync(app, $$"""{"temperature":0,"max_tokens":5,"guided_json":{{Person}}}""")).Single();

        Assert.Equal("length", finish);
        Assert.ThrowsAny<JsonException>(() => JsonElement.Parse(text));
    }

    [Fact]
    public async Task Stream_MaskLogProbabilitiesAndSeveral_IsTheSameAsAtOnce()
    {
        await using TestApp app = await StartAsync();
        string body = $$$"""{"model":"nano","messages":[{"role":"user","content":"Who?"}],"temperature":1,"n":3,"max_tokens":60,"seed":4,"logprobs":true,"top_logprobs":2,"guided_json":{{{Person}}}""";
        using HttpResponseMessage whole = await app.PostAsync("/v1/chat/completions", body + "}");
        using HttpResponseMessage streamed = await app.PostAsync("/v1/chat/completions", body + ",\"stream\":true}");

        JsonElement[] choices = [.. JsonElement.Parse(await whole.Content.ReadAsStringAsync(Cancellation)).GetProperty("choices").EnumerateArray()];
        string stream = await streamed.Content.ReadAsStringAsync(Cancellation);
        Assert.EndsWith("data: [DONE]\n\n", stream, StringComparison.Ordinal);
        JsonElement[] chunks = [.. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonElement.Parse(line["data: ".Length..]).GetProperty("choices")[0])];
        for (int index = 0; index < 3; index++)
        {
            JsonElement[] own = [.. chunks.Where(chunk => chunk.GetProperty("index").GetInt32() == index)];
            Assert.Equal(
                choices[index].GetProperty("message").GetProperty("content").GetString(),
                string.Concat(own.Select(chunk => chunk.GetProperty("delta").TryGetProperty("content", out JsonElement content) ? content.GetString() : "")));
            Assert.Equal(
                choices[index].GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(token => token.GetRawText()),
                own.Where(chunk => chunk.GetProperty("logprobs").ValueKind != JsonValueKind.Null)
                    .SelectMany(chunk => chunk.GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(token => token.GetRawText())));
            Assert.Equal(choices[index].GetProperty("finish_reason").GetString(), own[^1].GetProperty("finish_reason").GetString());
        }
    }

    [Fact]
    public async Task Stream_ClientGoes_TheEngineIsFreeForOthers()
    {
        InferenceEngine engine = await LoadAsync();
        await using TestApp app = await TestApp.StartAsync(engine);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(
                """{"model":"nano","prompt":"Once","n":12,"max_tokens":400,"temperature":1,"logprobs":5,"stream":true,"guided_regex":"[a-z ]{2000}"}""", null, "application/json"),
        };

        using (HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation))
        using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation)))
        {
            while (!(await reader.ReadLineAsync(Cancellation))!.Contains("\"index\":3", StringComparison.Ordinal))
                Assert.True(response.IsSuccessStatusCode);
        }

        while (engine.Statistics is { Running: > 0 } or { Waiting: > 0 })
            await Task.Delay(10, Cancellation);
        Assert.Equal(("yes", "stop"), (await PostAsync(app, """{"temperature":0,"guided_choice":["yes"]}""")).Single());
    }

    [Fact]
    public async Task Run_MaskedAnswers_GiveTheSameBytesAgain()
    {
        await using InferenceEngine engine = await LoadAsync();
        using var grammars = new ModelGrammars();
        var factory = new CompletionFactory(grammars, new Gemma2Options { Model = "nano" });
        CompletionRequest request = CompletionRequestParser.ParseJob(
            JsonElement.Parse($$"""{"model":"nano","messages":[{"role":"user","content":"Who?"}],"n":4,"max_tokens":40,"temperature":1.5,"logprobs":true,"guided_json":{{Person}}}"""), null);
        async Task<byte[]> RunAsync()
        {
            Completion completion = await factory.CreateAsync(engine, request, "id", DateTimeOffset.UnixEpoch, seed: 9, RequestClass.Batch, Cancellation);
            CompletionResult result = await completion.RunAsync(Cancellation);
            return JsonBody.ToUtf8(json => CompletionJson.WriteBody(json, completion, result)).ToArray();
        }

        byte[] alone = await RunAsync();

        Assert.All(await Task.WhenAll(RunAsync(), RunAsync()), run => Assert.Equal(alone, run));
    }

    [Theory]
    [InlineData("response_format.json_schema.schema", "/properties/a/type", """ "response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"nonsense"}}}}} """)]
    [InlineData("response_format.schema", "", """ "response_format":{"type":"json_object","schema":false} """)]
    [InlineData("guided_json", "", """ "guided_json":"{no json" """)]
    [InlineData("guided_regex", "", """ "guided_regex":"(a" """)]
    [InlineData("guided_regex", "", """ "guided_regex":"(a|b)*\\1" """)]
    [InlineData("grammar", "", """ "grammar":"root ::= root \"a\" | \"a\"" """)]
    [InlineData("grammar", "", """ "grammar":"start ::= \"a\"" """)]
    [InlineData("structured_outputs.grammar", "", """ "structured_outputs":{"grammar":""} """)]
    public async Task Post_FormThatCannotBeCompiled_IsRefusedByName(string field, string place, string format)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", $$"""{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"stream":true,{{format}}}""");

        await ErrorShape.AssertAsync(response, 400, field, null);
        string message = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation)).GetProperty("error").GetProperty("message").GetString()!;
        Assert.StartsWith(field, message, StringComparison.Ordinal);
        Assert.Contains(place, message, StringComparison.Ordinal);
        Assert.Equal(0, engine.Generations);
    }

    [Fact]
    public void Mask_VocabularyCannotSpellTheForm_FailsTheAnswerAlone()
    {
        // The first ids are control tokens.
        var tokens = new TokenTrie(Vocabulary.Tokenizer, vocabularySize: 4);

        GenerationException error = Assert.Throws<GenerationException>(() => new GrammarMask(Grammar.Compile(new GrammarSource.Literal("a"), Cancellation), tokens, [1]).Allowed.Length);

        Assert.StartsWith("The form that was asked for cannot", error.Message, StringComparison.Ordinal);
    }

    /// <summary>What is big or explodes.</summary>
    public static TheoryData<string> Hostile => new(
        "\"guided_json\":" + JsonSerializer.Serialize(Nested("{\"type\":\"array\",\"items\":", "}", 20_000)),
        "\"guided_json\":" + Nested("{\"type\":\"array\",\"items\":", "}", 40),
        "\"guided_regex\":" + JsonSerializer.Serialize(new string('(', 50_000) + "a" + new string(')', 50_000)),
        "\"guided_regex\":\"((a{0,1000}){0,1000}){0,1000}b\"",
        "\"guided_regex\":\"(.*a.{20}.*b.{20}){50}\"",
        "\"guided_choice\":[" + string.Join(',', Enumerable.Range(0, 200_000).Select(i => $"\"choice number {i}\"")) + "]",
        "\"guided_choice\":[" + JsonSerializer.Serialize(new string('x', 2_000_000)) + "]",
        "\"grammar\":" + JsonSerializer.Serialize(string.Concat(Enumerable.Range(0, 20_000).Select(i => $"r{i} ::= r{i + 1} r{i + 1}\n")) + "root ::= r0\nr20000 ::= \"a\""),
        "\"grammar\":" + JsonSerializer.Serialize("root ::= " + string.Concat(Enumerable.Repeat("(", 50_000)) + "\"a\""));

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task Post_HostileForm_IsAnsweredSoonAndTheAppGoesOn(string format)
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "[" });
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        var clock = Stopwatch.StartNew();

        using HttpResponseMessage response = await app.PostAsync("/v1/completions", $$"""{"model":"scripted","prompt":"Hi","max_tokens":1,{{format}}}""");

        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest, body);
        Assert.True(response.IsSuccessStatusCode || (body.Length < 1500 && !body.Contains("\\n", StringComparison.Ordinal)), body);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memory, long.MinValue, 1L << 30);
        using HttpResponseMessage next = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi"}""");
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    private static string Nested(string open, string close, int depth) =>
        string.Concat(Enumerable.Repeat(open, depth)) + "{\"type\":\"null\"}" + string.Concat(Enumerable.Repeat(close, depth));

    private static async Task<InferenceEngine> LoadAsync()
    {
        Machine.NeedsDevice();
        return await InferenceEngine.LoadAsync(
            new FolderModelSource(Path.Combine(Repository.Root, "samples/nano")), new EngineOptions { AllowSoftwareDevice = true, MaxSequences = 8 }, cancellationToken: Cancellation);
    }

    private static async Task<TestApp> StartAsync() => await TestApp.StartAsync(await LoadAsync());

    private static async Task<(string Text, string Finish)[]> PostAsync(TestApp app, string more)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/chat/completions", """{"model":"nano","messages":[{"role":"user","content":"Extract name and age as JSON: Anna is 31."}],""" + more[1..]);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return
        [
            .. JsonElement.Parse(text).GetProperty("choices").EnumerateArray()
                .Select(choice => (choice.GetProperty("message").GetProperty("content").GetString()!, choice.GetProperty("finish_reason").GetString()!)),
        ];
    }
}
