using System.Text.Json;
using Gemma2.Backend.Text;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>Prompts that are told with their answers: the way in which lm-evaluation-harness and others score texts.</summary>
public sealed class EchoTests
{
    private const string Completions = "/v1/completions";

    private static readonly GemmaTokenizer Tokenizer = Vocabulary.Tokenizer;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_TokensWithBegin_BeginIsToldWithoutLogProbability()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        int[] prompt = [Tokenizer.Bos, .. Tokenizer.Encode("Once upon a time")];

        JsonElement choice = (await PostAsync(app, new { model = "scripted", prompt, max_tokens = 1, echo = true, logprobs = 1, temperature = 0, seed = 1234 }))[0];

        JsonElement told = choice.GetProperty("logprobs");
        Assert.Equal(prompt.Length + 1, told.GetProperty("tokens").GetArrayLength());
        Assert.Equal("<bos>", told.GetProperty("tokens")[0].GetString());
        Assert.Equal(JsonValueKind.Null, told.GetProperty("token_logprobs")[0].ValueKind);
        Assert.Equal(JsonValueKind.Null, told.GetProperty("top_logprobs")[0].ValueKind);
        Assert.Equal(
            prompt[1..].Select(id => engine.Score(engine.LastRequest!, id)), told.GetProperty("token_logprobs").EnumerateArray().Skip(1).SkipLast(1).Select(number => number.GetDouble()));
        Assert.StartsWith("<bos>Once upon a time", choice.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(prompt, engine.LastRequest!.PromptTokens);
    }

    [Fact]
    public async Task Post_TokensWithoutBegin_TellsThoseThatWereSent()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        int[] prompt = Tokenizer.Encode("Once upon a time");

        JsonElement choice = (await PostAsync(app, new { model = "scripted", prompt, max_tokens = 1, echo = true, logprobs = 0 }))[0];

        Assert.Equal([Tokenizer.Bos, .. prompt], engine.LastRequest!.PromptTokens);
        Assert.Equal(prompt.Length + 1, choice.GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
        // It comes after the beginning, which the server put there.
        Assert.Equal(engine.Score(engine.LastRequest, prompt[0]), choice.GetProperty("logprobs").GetProperty("token_logprobs")[0].GetDouble());
        Assert.StartsWith("Once upon a time", choice.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, choice.GetProperty("logprobs").GetProperty("text_offset")[0].GetInt32());
    }

    [Theory]
    [InlineData("Once upon a time")]
    [InlineData("<bos>Once")]
    [InlineData("<start_of_turn>user\nHi 世界 👋<end_of_turn>\n")]
    public async Task Post_Text_IsToldAsItWasSent(string prompt)
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement choice = (await PostAsync(app, new { model = "scripted", prompt, echo = true, logprobs = 0, max_tokens = 100 }))[0];

        Assert.Equal(prompt + engine.Answer, choice.GetProperty("text").GetString());
        JsonElement told = choice.GetProperty("logprobs");
        int answer = Tokenizer.Encode(engine.Answer).Length + 1;
        int[] offsets = [.. told.GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32())];
        Assert.Equal(prompt.EnumerateRunes().Count(), offsets[^answer]);
        Assert.Equal(prompt.StartsWith("<bos>", StringComparison.Ordinal), told.GetProperty("token_logprobs")[0].ValueKind == JsonValueKind.Null);
    }

    [Fact]
    public async Task Post_SeveralPromptsAndAnswers_EachPromptIsScoredOnce()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        int[][] prompts = [.. new[] { "Ada reads", "a letter in Paris", "x" }.Select(text => Tokenizer.Encode(text))];

        JsonElement[] choices = await PostAsync(app, new { model = "scripted", prompt = prompts, n = 2, max_tokens = 1, echo = true, logprobs = 1 });

        Assert.Equal(prompts.SelectMany(prompt => Enumerable.Repeat(prompt.Length + 1, 2)), choices.Select(choice => choice.GetProperty("logprobs").GetProperty("tokens").GetArrayLength()));
        Assert.Equal(prompts.Length, engine.Requests.Count(request => request.PromptLogProbabilities is not null));
    }

    [Fact]
    public async Task Post_NoAnswerWanted_TellsThePromptAlone()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(Completions, """{"model":"scripted","prompt":"Ada reads","max_tokens":0,"echo":true,"logprobs":2}""");

        JsonElement body = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal(("Ada reads", "length"), (choice.GetProperty("text").GetString(), choice.GetProperty("finish_reason").GetString()));
        Assert.Equal(Tokenizer.Encode("Ada reads").Length, choice.GetProperty("logprobs").GetProperty("token_logprobs").GetArrayLength());
        Assert.Equal(0, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Post_NothingToFindOut_DoesNotAskTheEngine()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement choice = (await PostAsync(app, new { model = "scripted", prompt = "Ada reads", max_tokens = 0, echo = true }))[0];

        Assert.Equal("Ada reads", choice.GetProperty("text").GetString());
        Assert.Equal(0, engine.Generations);
    }

    private static async Task<JsonElement[]> PostAsync(TestApp app, object body)
    {
        using HttpResponseMessage response = await app.PostAsync(Completions, JsonSerializer.Serialize(body));
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return [.. JsonElement.Parse(text).GetProperty("choices").EnumerateArray()];
    }
}
