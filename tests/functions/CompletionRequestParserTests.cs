using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;

namespace Gemma2.Functions.Tests;

public sealed class CompletionRequestParserTests
{
    [Fact]
    public void ParseText_OnlyWhatIsNeeded_HasOpenAIsDefaults()
    {
        CompletionRequest request = ParseText("""{"model":"m","prompt":"Hi"}""");

        Assert.Equal(("m", new Prompt.Text("Hi")), (request.Model, request.Prompt));
        Assert.Equal((1.0, 1.0, 0), (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK));
        Assert.Null(request.MaxTokens);
        Assert.Null(request.Seed);
        Assert.Empty(request.Stop);
        Assert.False(request.Stream);
    }

    [Fact]
    public void ParseText_AllFields_AreHonoured()
    {
        CompletionRequest request = ParseText("""
            {"model":"m","prompt":[2,5,9],"max_tokens":7,"temperature":0.5,"top_p":0.25,"top_k":40,"seed":-3,"stop":["a","b"],
             "stream":true,"stream_options":{"include_usage":true},"user":"u","n":1,"logprobs":null,"presence_penalty":0}
            """);

        Assert.Equal([2, 5, 9], Assert.IsType<Prompt.Tokens>(request.Prompt).Ids);
        Assert.Equal((0.5, 0.25, 40), (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK));
        Assert.Equal((7, -3L), (request.MaxTokens, request.Seed));
        Assert.Equal(["a", "b"], request.Stop);
        Assert.True(request.Stream && request.IncludeUsage);
    }

    [Theory]
    [InlineData("""["Hi"]""")]
    [InlineData("\"Hi\"")]
    public void ParseText_OnePrompt_MayBeInAnArray(string prompt) =>
        Assert.Equal(new Prompt.Text("Hi"), ParseText($$"""{"model":"m","prompt":{{prompt}}}""").Prompt);

    [Fact]
    public void ParseChat_TextParts_AreJoined()
    {
        CompletionRequest request = ParseChat("""
            {"model":"m","max_completion_tokens":3,"messages":[{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
             {"role":"assistant","content":"c"}]}
            """);

        Assert.Equal([new("user", "ab"), new("assistant", "c")], Assert.IsType<Prompt.Chat>(request.Prompt).Messages);
        Assert.Equal(3, request.MaxTokens);
    }

    [Fact]
    public void ParseJob_ModelOfTheJob_StandsInForTheRequests() =>
        Assert.Equal("m", CompletionRequestParser.ParseJob(JsonElement.Parse("""{"prompt":"Hi"}"""), "m").Model);

    [Theory]
    [InlineData("model", """{"model":"other","prompt":"Hi"}""")]
    [InlineData("stream", """{"prompt":"Hi","stream":true}""")]
    [InlineData("prompt", """{}""")]
    public void ParseJob_NotFitForAJob_NamesTheField(string field, string body) =>
        Assert.Equal(field, Assert.Throws<InvalidRequestException>(() => CompletionRequestParser.ParseJob(JsonElement.Parse(body), "m")).Parameter);

    [Theory]
    [InlineData("model", """{"prompt":"Hi"}""")]
    [InlineData("model", """{"model":3,"prompt":"Hi"}""")]
    [InlineData("prompt", """{"model":"m"}""")]
    [InlineData("prompt", """{"model":"m","prompt":""}""")]
    [InlineData("prompt", """{"model":"m","prompt":[]}""")]
    [InlineData("prompt", """{"model":"m","prompt":[""]}""")]
    [InlineData("prompt", """{"model":"m","prompt":["a","b"]}""")]
    [InlineData("prompt", """{"model":"m","prompt":[[1],[2]]}""")]
    [InlineData("prompt", """{"model":"m","prompt":[1,"a"]}""")]
    [InlineData("prompt", """{"model":"m","prompt":[1.5]}""")]
    [InlineData("prompt", """{"model":"m","prompt":{"a":1}}""")]
    [InlineData("prompt", """{"model":"m","prompt":"\ud800"}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":-1}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":0}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":99999999999999999999}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":"5"}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":1.5}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":-0.1}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":2.1}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":1e999}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":"NaN"}""")]
    [InlineData("top_p", """{"model":"m","prompt":"Hi","top_p":0}""")]
    [InlineData("top_p", """{"model":"m","prompt":"Hi","top_p":1.1}""")]
    [InlineData("top_k", """{"model":"m","prompt":"Hi","top_k":-1}""")]
    [InlineData("seed", """{"model":"m","prompt":"Hi","seed":1.5}""")]
    [InlineData("seed", """{"model":"m","prompt":"Hi","seed":18446744073709551615}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":""}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":5}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":["a","b","c","d","e"]}""")]
    [InlineData("stop[1]", """{"model":"m","prompt":"Hi","stop":["a",5]}""")]
    [InlineData("stream", """{"model":"m","prompt":"Hi","stream":"yes"}""")]
    [InlineData("stream_options", """{"model":"m","prompt":"Hi","stream_options":{"include_usage":true}}""")]
    [InlineData("stream_options.include_usage", """{"model":"m","prompt":"Hi","stream":true,"stream_options":{"include_usage":1}}""")]
    [InlineData("n", """{"model":"m","prompt":"Hi","n":2}""")]
    [InlineData("best_of", """{"model":"m","prompt":"Hi","best_of":2}""")]
    [InlineData("echo", """{"model":"m","prompt":"Hi","echo":true}""")]
    [InlineData("logprobs", """{"model":"m","prompt":"Hi","logprobs":5}""")]
    [InlineData("suffix", """{"model":"m","prompt":"Hi","suffix":"x"}""")]
    [InlineData("frequency_penalty", """{"model":"m","prompt":"Hi","frequency_penalty":0.5}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":{"5":1}}""")]
    [InlineData("user", """{"model":"m","prompt":"Hi","user":{}}""")]
    [InlineData("metadata", """{"model":"m","prompt":"Hi","metadata":"x"}""")]
    [InlineData("min_p", """{"model":"m","prompt":"Hi","min_p":0.1}""")]
    [InlineData("messages", """{"model":"m","prompt":"Hi","messages":[]}""")]
    [InlineData(null, """[]""")]
    [InlineData(null, """5""")]
    public void ParseText_BadField_IsNamed(string? field, string body)
    {
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => ParseText(body));
        Assert.Equal(field, error.Parameter);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("messages", """{"model":"m"}""")]
    [InlineData("messages", """{"model":"m","messages":[]}""")]
    [InlineData("messages", """{"model":"m","messages":"Hi"}""")]
    [InlineData("messages[0]", """{"model":"m","messages":["Hi"]}""")]
    [InlineData("messages[0].role", """{"model":"m","messages":[{"content":"Hi"}]}""")]
    [InlineData("messages[0].role", """{"model":"m","messages":[{"role":"tool","content":"Hi"}]}""")]
    [InlineData("messages[0].content", """{"model":"m","messages":[{"role":"user"}]}""")]
    [InlineData("messages[0].content", """{"model":"m","messages":[{"role":"user","content":5}]}""")]
    [InlineData("messages[0].content[0].type", """{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""")]
    [InlineData("messages[0].content[0].text", """{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}""")]
    [InlineData("messages[0].tool_calls", """{"model":"m","messages":[{"role":"assistant","content":"x","tool_calls":[{}]}]}""")]
    [InlineData("max_tokens", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":1,"max_completion_tokens":2}""")]
    [InlineData("tools", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function"}]}""")]
    [InlineData("response_format", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_object"}}""")]
    [InlineData("logprobs", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"logprobs":true}""")]
    [InlineData("prompt", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"prompt":"x"}""")]
    public void ParseChat_BadField_IsNamed(string field, string body) =>
        Assert.Equal(field, Assert.Throws<InvalidRequestException>(() => ParseChat(body)).Parameter);

    [Fact]
    public void Parse_AnyBytes_GivesARequestOrOneClearError()
    {
        string[] seeds =
        [
            """{"model":"m","prompt":"Hi","max_tokens":7,"temperature":0.5,"stop":["a"],"stream":true,"stream_options":{"include_usage":true}}""",
            """{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"seed":5,"user":"u","tools":[]}""",
            """{"model":"m","prompt":[2,5],"top_k":4,"metadata":{"\ud83d\ude00":"x"},"logit_bias":{},"response_format":{"type":"text"}}""",
        ];
        Gen<byte[]> mutated =
            from seed in Gen.OneOf(seeds)
            from edits in Gen.Select(Gen.Int[0, seed.Length - 1], Gen.OneOf(Gen.Byte, Gen.OneOf("\"\\{}[]:,0-eu\u0000"u8.ToArray()))).Array[0, 6]
            from length in Gen.Int[0, seed.Length]
            from cut in Gen.Bool
            select Mutate(seed, edits, cut ? length : seed.Length);

        int accepted = 0;
        mutated.Sample(bytes =>
        {
            try
            {
                using JsonDocument body = RequestBody.Parse(bytes);
                CompletionRequestParser.ParseJob(body.RootElement, null);
                Interlocked.Increment(ref accepted);
            }
            catch (Gemma2Exception error)
            {
                Assert.True(ApiError.FromException(error).Status == 400 && !error.Message.Contains('\n', StringComparison.Ordinal), error.Message);
            }
        }, iter: 20_000);
        Assert.True(accepted > 0, "No mutation was accepted: the fuzzing did not reach past the first check.");
    }

    [Fact]
    public void Parse_DeepNesting_IsAnError()
    {
        byte[] deep = Encoding.UTF8.GetBytes(new string('[', 100_000) + new string(']', 100_000));
        Assert.Contains("JSON", Assert.Throws<ApiException>(() => RequestBody.Parse(deep)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"temperature":NaN}""")]
    [InlineData("""{"a":1}x""")]
    [InlineData("")]
    public void Parse_NoJson_IsAnError(string text) =>
        Assert.Equal(400, Assert.Throws<ApiException>(() => RequestBody.Parse(Encoding.UTF8.GetBytes(text))).Error.Status);

    private static byte[] Mutate(string seed, (int Index, byte Value)[] edits, int length)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(seed);
        foreach ((int index, byte value) in edits)
            bytes[index] = value;
        return bytes[..length];
    }

    private static CompletionRequest ParseText(string body) => CompletionRequestParser.ParseText(JsonElement.Parse(body));

    private static CompletionRequest ParseChat(string body) => CompletionRequestParser.ParseChat(JsonElement.Parse(body));
}
