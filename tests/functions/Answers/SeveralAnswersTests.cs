using System.Net;
using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Backend.Engine;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>Several answers in one request: their order, their seeds, what they count for, and what happens when one fails.</summary>
public sealed class SeveralAnswersTests
{
    private const string Completions = "/v1/completions";
    private const string ChatCompletions = "/v1/chat/completions";
    private const string Chat = """{"model":"scripted","messages":[{"role":"user","content":"Hi"}],"seed":7""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_SeveralAnswers_EachHasItsIndexAndItsSeed()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { CachedTokens = 3, AnswerTo = request => $"Seed {request.Sampling.Seed}" };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement body = await PostAsync(app, ChatCompletions, Chat + ",\"n\":5}");

        JsonElement[] choices = Choices(body);
        Assert.Equal([0, 1, 2, 3, 4], choices.Select(choice => choice.GetProperty("index").GetInt32()));
        string[] texts = [.. choices.Select(choice => choice.GetProperty("message").GetProperty("content").GetString()!)];
        Assert.Equal("Seed 7", texts[0]);
        Assert.Equal(5, texts.Distinct().Count());
        JsonElement usage = body.GetProperty("usage");
        Assert.Equal(engine.LastRequest!.PromptTokens.Count, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(texts.Sum(text => Vocabulary.Tokenizer.Encode(text).Length + 1), usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(3, usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());

        JsonElement again = await PostAsync(app, ChatCompletions, Chat + ",\"n\":5}");
        Assert.Equal(texts, Choices(again).Select(choice => choice.GetProperty("message").GetProperty("content").GetString()));
    }

    [Fact]
    public async Task Post_SeveralPrompts_ChoicesComePromptByPrompt()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { AnswerTo = request => "To " + Vocabulary.Tokenizer.Decode(request.PromptTokens) };
        await using TestApp app = await TestApp.StartAsync(engine);
        string[] prompts = [.. Enumerable.Range(0, 20).Select(number => $"Number {number}")];

        JsonElement body = await PostAsync(app, Completions, JsonSerializer.Serialize(new { model = ScriptedEngine.Name, prompt = prompts, n = 2 }));

        Assert.Equal(Enumerable.Range(0, 40), Choices(body).Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(prompts.SelectMany(prompt => Enumerable.Repeat("To " + prompt, 2)), Choices(body).Select(choice => choice.GetProperty("text").GetString()));
        Assert.Equal(
            prompts.Sum(prompt => Vocabulary.Tokenizer.Encode(prompt).Length + 1), body.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(40, engine.Requests.Select(request => request.Sampling.Seed).Distinct().Count());
    }

    [Fact]
    public async Task Post_BestOf_GivesTheLikeliestFirst()
    {
        // The more of its tokens are likely, not the shorter: by the mean.
        string[] answers = ["one two three four", "one", "two three", "four five six seven eight"];
        var scores = new Dictionary<string, double> { [answers[0]] = -3, [answers[1]] = -2, [answers[2]] = -1, [answers[3]] = -0.5 };
        int next = 0;
        var texts = new Dictionary<ulong, string>();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        engine.AnswerTo = request =>
        {
            lock (texts) return texts[request.Sampling.Seed] = answers[next++];
        };
        engine.Score = (request, _) =>
        {
            lock (texts) return scores[texts[request.Sampling.Seed]];
        };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement body = await PostAsync(app, Completions, """{"model":"scripted","prompt":"Hi","n":2,"best_of":4,"max_tokens":-1}""");

        Assert.Equal([answers[3], answers[2]], Choices(body).Select(choice => choice.GetProperty("text").GetString()));
        Assert.Equal([0, 1], Choices(body).Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.All(Choices(body), choice => Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").ValueKind));
        // All that was generated is paid for.
        Assert.Equal(answers.Sum(text => Vocabulary.Tokenizer.Encode(text).Length + 1), body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Stream_SeveralAnswers_EachChoiceIsWhole()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { AnswerTo = request => $"Seed {request.Sampling.Seed} says hello." };
        await using TestApp app = await TestApp.StartAsync(engine);
        string[] whole = [.. Choices(await PostAsync(app, ChatCompletions, Chat + ",\"n\":3}")).Select(choice => choice.GetProperty("message").GetProperty("content").GetString()!)];

        using HttpResponseMessage response = await app.PostAsync(ChatCompletions, Chat + ",\"n\":3,\"stream\":true,\"stream_options\":{\"include_usage\":true}}");

        JsonElement[] chunks = Chunks(await response.Content.ReadAsStringAsync(Cancellation));
        JsonElement[] choices = [.. chunks[..^1].Select(chunk => Choices(chunk).Single())];
        for (int index = 0; index < 3; index++)
        {
            JsonElement[] own = [.. choices.Where(choice => choice.GetProperty("index").GetInt32() == index)];
            Assert.Equal("assistant", own[0].GetProperty("delta").GetProperty("role").GetString());
            Assert.Equal(whole[index], string.Concat(own[1..^1].Select(choice => choice.GetProperty("delta").GetProperty("content").GetString())));
            Assert.Equal("stop", own[^1].GetProperty("finish_reason").GetString());
            Assert.All(own[..^1], choice => Assert.Equal(JsonValueKind.Null, choice.GetProperty("finish_reason").ValueKind));
        }
        Assert.Empty(Choices(chunks[^1]));
        Assert.Equal(whole.Sum(text => Vocabulary.Tokenizer.Encode(text).Length + 1), chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_OneAnswerFails_TheRequestFailsAndNoneGoesOn(bool stream)
    {
        int begun = 0;
        var cancelled = new TaskCompletionSource();
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            AnswerTo = _ => Interlocked.Increment(ref begun) == 3 ? throw new GenerationException("The logits are not finite.") : "Hello",
            BeforeEnd = async token =>
            {
                await using CancellationTokenRegistration registration = token.Register(() => cancelled.TrySetResult());
                await Task.Delay(Timeout.Infinite, token);
            },
        };
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(Completions, $$"""{"model":"scripted","prompt":"Hi","n":4{{(stream ? ",\"stream\":true" : "")}}}""");

        if (stream)
        {
            string text = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.Contains("generation_failed", text, StringComparison.Ordinal);
            Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        }
        else
        {
            await ErrorShape.AssertAsync(response, 500, null, "generation_failed");
        }
        await cancelled.Task.WaitAsync(Cancellation);
    }

    [Fact]
    public async Task Stream_ClientGoes_AllAnswersAreCancelled()
    {
        int running = 0, most = 0;
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeEnd = async token =>
            {
                most = Math.Max(most, Interlocked.Increment(ref running));
                try
                {
                    await Task.Delay(Timeout.Infinite, token);
                }
                finally
                {
                    Interlocked.Decrement(ref running);
                }
            },
        };
        await using TestApp app = await TestApp.StartAsync(engine);

        using (var request = new HttpRequestMessage(HttpMethod.Post, ChatCompletions) { Content = new StringContent(Chat + ",\"n\":4,\"stream\":true}", null, "application/json") })
        using (HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation))
        {
            while (Volatile.Read(ref running) < 4)
                await Task.Delay(5, Cancellation);
        }

        while (Volatile.Read(ref running) > 0)
            await Task.Delay(5, Cancellation);
        Assert.Equal(4, most);
    }

    [Fact]
    public async Task Stream_SlowReader_GetsAllOfEachAnswer()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = string.Join(' ', Enumerable.Range(0, 150)) };
        await using TestApp app = await TestApp.StartAsync(engine);
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions)
        {
            Content = new StringContent("""{"model":"scripted","prompt":"Hi","n":16,"max_tokens":-1,"logprobs":20,"stream":true}""", null, "application/json"),
        };

        using HttpResponseMessage response = await app.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        var lines = new List<string>();
        while (await reader.ReadLineAsync(Cancellation) is { } line)
        {
            lines.Add(line);
            if (lines.Count % 500 == 0)
                await Task.Delay(20, Cancellation);
        }

        JsonElement[] choices = [.. Chunks(string.Join('\n', lines)).Select(chunk => Choices(chunk).Single())];
        for (int index = 0; index < 16; index++)
            Assert.Equal(engine.Answer, string.Concat(choices.Where(choice => choice.GetProperty("index").GetInt32() == index).Select(choice => choice.GetProperty("text").GetString())));
    }

    [Fact]
    public async Task Post_NoRoomForFurtherAnswers_TheyWait()
    {
        int asked = 0;
        var engine = new ScriptedEngine(Vocabulary.Tokenizer)
        {
            BeforeAnswer = _ => Interlocked.Increment(ref asked) is 2 or 3 or 4 ? throw new BusyException("The server is busy: a test says so.") : Task.CompletedTask,
        };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement body = await PostAsync(app, Completions, """{"model":"scripted","prompt":"Hi","n":4}""");

        Assert.All(Choices(body), choice => Assert.Equal(engine.Answer, choice.GetProperty("text").GetString()));
        Assert.Equal(7, engine.Generations);
    }

    [Fact]
    public async Task Post_StopToken_EndsTheAnswerBeforeIt()
    {
        int[] ids = Vocabulary.Tokenizer.Encode("one two three");
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { Answer = "one two three" };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement choice = Choices(await PostAsync(app, Completions, $$"""{"model":"scripted","prompt":"Hi","stop_token_ids":[{{ids[^1]}}]}""")).Single();

        Assert.Equal(Vocabulary.Tokenizer.Decode(ids[..Array.IndexOf(ids, ids[^1])]), choice.GetProperty("text").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Post_SeveralAnswers_AreAllCharged()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer), "Gemma2:TokensPerMinute=1000");

        using HttpResponseMessage response = await app.PostAsync(Completions, """{"model":"scripted","prompt":[[2,5],[2,6]],"max_tokens":10,"best_of":8,"n":3}""");

        int left = int.Parse(response.Headers.GetValues("x-ratelimit-remaining-tokens").Single(), System.Globalization.CultureInfo.InvariantCulture);
        // It may have begun to fill again.
        Assert.InRange(left, 1000 - 4 - (2 * 8 * 10), 1000 - 100);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static async Task<JsonElement> PostAsync(TestApp app, string path, string body)
    {
        using HttpResponseMessage response = await app.PostAsync(path, body);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static JsonElement[] Choices(JsonElement body) => [.. body.GetProperty("choices").EnumerateArray()];

    private static JsonElement[] Chunks(string stream) =>
        [.. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonElement.Parse(line["data: ".Length..]))];
}
