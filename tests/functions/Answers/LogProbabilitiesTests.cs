using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Text;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using OpenAI.Chat;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>Log-probabilities in both APIs' shapes: they line up with the text, whole and in a stream.</summary>
public sealed class LogProbabilitiesTests
{
    private const string Completions = "/v1/completions";

    private static readonly GemmaTokenizer Tokenizer = Vocabulary.Tokenizer;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CompleteChat_LogProbabilities_AreTheOfficialClients()
    {
        var engine = new ScriptedEngine(Tokenizer) { Answer = "Grüße, 世界!" };
        await using TestApp app = await TestApp.StartAsync(engine);

        ChatCompletion completion = await app.OpenAIClient().GetChatClient(ScriptedEngine.Name).CompleteChatAsync(
            [new UserChatMessage("Hi")], new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 3 }, Cancellation);

        // The end token has no text, and is none of the content's.
        int[] ids = Tokenizer.Encode(engine.Answer);
        Assert.Equal(ids.Length, completion.ContentTokenLogProbabilities.Count);
        Assert.Equal(engine.Answer, Encoding.UTF8.GetString([.. completion.ContentTokenLogProbabilities.SelectMany(token => token.Utf8Bytes!.Value.ToArray())]));
        Assert.Equal(ids.Select(id => (float)engine.Score(engine.LastRequest!, id)), completion.ContentTokenLogProbabilities.Select(token => token.LogProbability));
        Assert.All(completion.ContentTokenLogProbabilities, token => Assert.Equal(3, token.TopLogProbabilities.Count));
        Assert.Equal(3, engine.LastRequest!.Sampling.LogProbabilities);
    }

    [Fact]
    public async Task CompleteChat_Streaming_TellsTheSameAsAtOnce()
    {
        var engine = new ScriptedEngine(Tokenizer) { Answer = "Grüße, 世界! 👋" };
        await using TestApp app = await TestApp.StartAsync(engine);
        var options = new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
        ChatClient client = app.OpenAIClient().GetChatClient(ScriptedEngine.Name);

        ChatCompletion whole = await client.CompleteChatAsync([new UserChatMessage("Hi")], options, Cancellation);
        var told = new List<ChatTokenLogProbabilityDetails>();
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync([new UserChatMessage("Hi")], options, Cancellation))
        {
            // Each chunk's tokens are those of its text.
            Assert.Equal(string.Concat(update.ContentUpdate.Select(part => part.Text)), Encoding.UTF8.GetString([.. update.ContentTokenLogProbabilities.SelectMany(token => token.Utf8Bytes!.Value.ToArray())]));
            told.AddRange(update.ContentTokenLogProbabilities);
        }

        Assert.Equal(whole.ContentTokenLogProbabilities.Select(token => (token.Token, token.LogProbability)), told.Select(token => (token.Token, token.LogProbability)));
    }

    [Fact]
    public async Task Complete_LogProbabilities_LineUpWithTheText()
    {
        var engine = new ScriptedEngine(Tokenizer) { Answer = "😀 says: hello, 世界! 👋" };
        await using TestApp app = await TestApp.StartAsync(engine);

        JsonElement choice = await PostAsync(app, """{"model":"scripted","prompt":"Hi","logprobs":2,"max_tokens":-1}""");

        int[] ids = [.. Tokenizer.Encode(engine.Answer), Tokenizer.Eos];
        JsonElement told = choice.GetProperty("logprobs");
        Assert.Equal(ids.Select(id => engine.Score(engine.LastRequest!, id)), Numbers(told, "token_logprobs"));
        Assert.All(told.GetProperty("top_logprobs").EnumerateArray(), top => Assert.Equal(2, top.GetPropertyCount()));
        Assert.Equal("<eos>", told.GetProperty("tokens")[ids.Length - 1].GetString());
        Assert.StartsWith("bytes:\\x", told.GetProperty("tokens")[0].GetString(), StringComparison.Ordinal);
        AssertOffsets(choice, ids.Length);
    }

    [Fact]
    public async Task Complete_NoOthersWanted_TellsTheTokensAlone()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Tokenizer));

        JsonElement told = (await PostAsync(app, """{"model":"scripted","prompt":"Hi","logprobs":0}""")).GetProperty("logprobs");

        Assert.All(
            told.GetProperty("tokens").EnumerateArray().Zip(told.GetProperty("top_logprobs").EnumerateArray()),
            pair => Assert.Equal([pair.First.GetString()!], pair.Second.EnumerateObject().Select(top => top.Name)));
    }

    [Theory]
    [InlineData("wor")]
    [InlineData(" world")]
    [InlineData("lo, w")]
    [InlineData("d!")]
    [InlineData("Hello")]
    public async Task Complete_StopText_ItsTokensAreNotTold(string stop)
    {
        var engine = new ScriptedEngine(Tokenizer) { Answer = "Hello, world! And more." };
        await using TestApp app = await TestApp.StartAsync(engine);
        string body = $$"""{"model":"scripted","prompt":"Hi","logprobs":0,"stop":"{{stop}}"}""";

        JsonElement choice = await PostAsync(app, body);

        string text = choice.GetProperty("text").GetString()!;
        Assert.Equal(engine.Answer[..engine.Answer.IndexOf(stop, StringComparison.Ordinal)], text);
        string[] tokens = [.. choice.GetProperty("logprobs").GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!)];
        // The last token may reach into the stop text; none begins there.
        Assert.StartsWith(text, string.Concat(tokens), StringComparison.Ordinal);
        Assert.All(choice.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray(), offset => Assert.True(offset.GetInt32() < text.Length));
        Assert.Equal(tokens, (await StreamAsync(app, body)).SelectMany(part => part.Tokens));
    }

    [Fact]
    public async Task Complete_Streaming_TellsTokensWithTheirText()
    {
        var engine = new ScriptedEngine(Tokenizer) { Answer = "😀 Hello, worms and 世界!" };
        await using TestApp app = await TestApp.StartAsync(engine);
        const string body = """{"model":"scripted","prompt":"Hi","logprobs":1,"max_tokens":-1,"stop":["world"],"echo":true}""";

        (string Text, string[] Tokens)[] parts = await StreamAsync(app, body);

        JsonElement choice = await PostAsync(app, body);
        Assert.Equal(choice.GetProperty("text").GetString(), string.Concat(parts.Select(part => part.Text)));
        Assert.Equal(choice.GetProperty("logprobs").GetProperty("tokens").EnumerateArray().Select(token => token.GetString()), parts.SelectMany(part => part.Tokens));
        // "wor" was held back, and its tokens with it.
        (string held, string[] heldTokens) = Assert.Single(parts, part => part.Text.Contains("worm", StringComparison.Ordinal));
        Assert.StartsWith(held.TrimEnd(), string.Concat(heldTokens), StringComparison.Ordinal);
        Assert.Equal(("", "<eos>"), (parts[^1].Text, parts[^1].Tokens.Single()));
    }

    [Fact]
    public void WriteText_TokensSpelledAlike_NoneIsLost()
    {
        int byteOfA = Enumerable.Range(0, Tokenizer.VocabularySize).Single(id => Tokenizer.Piece(id) == "<0x41>");
        int a = Tokenizer.Encode("A").Single();
        Assert.NotEqual(byteOfA, a);
        var choice = new TokenChoice(a, -1) { Top = [new TokenLogProbability(byteOfA, -0.5), new TokenLogProbability(a, -1)] };
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            new LogProbabilityJson(json, Tokenizer).WriteText([new ToldToken(choice, 0)]);

        JsonElement top = JsonElement.Parse(buffer.WrittenSpan).GetProperty("top_logprobs")[0];
        Assert.Equal(new Dictionary<string, double> { ["A"] = -0.5, [string.Create(CultureInfo.InvariantCulture, $"token_id:{a}")] = -1 }, top.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.GetDouble()));
    }

    /// <summary>Each token's spelling stands where its offset says, in code points; half characters stand where their character does.</summary>
    private static void AssertOffsets(JsonElement choice, int count)
    {
        Rune[] text = [.. choice.GetProperty("text").GetString()!.EnumerateRunes()];
        string[] tokens = [.. choice.GetProperty("logprobs").GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!)];
        int[] offsets = [.. choice.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32())];
        Assert.Equal((count, count), (tokens.Length, offsets.Length));
        for (int i = 0; i < count; i++)
        {
            string rest = string.Concat(text[offsets[i]..]);
            if (!tokens[i].StartsWith("bytes:", StringComparison.Ordinal) && tokens[i] != "<eos>")
                Assert.StartsWith(tokens[i], rest, StringComparison.Ordinal);
            Assert.True(i == 0 || offsets[i] >= offsets[i - 1]);
        }
    }

    private static IEnumerable<double> Numbers(JsonElement told, string name) => told.GetProperty(name).EnumerateArray().Select(number => number.GetDouble());

    private static async Task<JsonElement> PostAsync(TestApp app, string body)
    {
        using HttpResponseMessage response = await app.PostAsync(Completions, body);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text).GetProperty("choices")[0];
    }

    private static async Task<(string Text, string[] Tokens)[]> StreamAsync(TestApp app, string body)
    {
        using HttpResponseMessage response = await app.PostAsync(Completions, body[..^1] + ",\"stream\":true}");
        string stream = await response.Content.ReadAsStringAsync(Cancellation);
        return
        [
            .. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line =>
            {
                JsonElement choice = JsonElement.Parse(line["data: ".Length..]).GetProperty("choices")[0];
                JsonElement told = choice.GetProperty("logprobs");
                return (choice.GetProperty("text").GetString()!,
                    told.ValueKind == JsonValueKind.Null ? Array.Empty<string>() : [.. told.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!)]);
            }),
        ];
    }
}
