using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Grammars;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;

namespace Gemma2.Functions.Tests;

public sealed class CompletionRequestParserTests
{
    [Fact]
    public void ParseText_OnlyWhatIsNeeded_HasOpenAIsDefaults()
    {
        CompletionRequest request = ParseText("""{"model":"m","prompt":"Hi"}""");

        Assert.Equal(("m", new Prompt.Text("Hi")), (request.Model, request.Prompts.Single()));
        Assert.Equal(new RequestedSampling(), request.Sampling);
        Assert.Equal(new SamplingOptions(), request.Sampling.Over(SamplingDefaults.None));
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

        Assert.Equal([2, 5, 9], Assert.IsType<Prompt.Tokens>(request.Prompts.Single()).Ids);
        Assert.Equal((0.5, 0.25, 40), (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK));
        Assert.Equal((7, -3L), (request.MaxTokens, request.Seed));
        Assert.Equal(["a", "b"], request.Stop);
        Assert.True(request.Stream && request.IncludeUsage);
    }

    [Theory]
    [InlineData("""["Hi"]""")]
    [InlineData("\"Hi\"")]
    public void ParseText_OnePrompt_MayBeInAnArray(string prompt) =>
        Assert.Equal(new Prompt.Text("Hi"), ParseText($$"""{"model":"m","prompt":{{prompt}}}""").Prompts.Single());

    [Fact]
    public void ParseText_SamplingFields_AreTheEnginesOptions()
    {
        CompletionRequest request = ParseText("""
            {"model":"m","prompt":"Hi","top_p":0,"top_k":-1,"min_p":0.25,"presence_penalty":-2,"frequency_penalty":2,"repetition_penalty":1.5,"logit_bias":{"5":-100,"7":1.5},
             "min_tokens":3,"logprobs":2,"ignore_eos":true,"stop_token_ids":[4,9],"n":2,"best_of":3,"echo":true}
            """);

        Assert.Equal((double.Epsilon, 0, 0.25), (request.Sampling.TopP, request.Sampling.TopK, request.Sampling.MinP));
        Assert.Equal((-2.0, 2.0, 1.5), (request.Sampling.PresencePenalty, request.Sampling.FrequencyPenalty, request.Sampling.RepetitionPenalty));
        Assert.Equal(new Dictionary<int, double> { [5] = -100, [7] = 1.5 }, request.Sampling.LogitBias);
        Assert.Equal((3, 2), (request.Sampling.MinTokens, request.Sampling.LogProbabilities));
        Assert.Equal([4, 9], request.StopTokens);
        Assert.Equal((2, 3, 3), (request.Answers, request.Tries, request.AnswerCount));
        Assert.True(request.IgnoresEnd && request.Echo);
    }

    [Theory]
    [InlineData("12.0", 12)]
    [InlineData("1.2e1", 12)]
    [InlineData("120e-1", 12)]
    [InlineData("-1", null)]
    [InlineData("-1.0", null)]
    public void ParseText_IntegralNumbers_AreIntegers(string number, int? expected)
    {
        CompletionRequest request = ParseText($$"""{"model":"m","prompt":[2.0,5e0],"max_tokens":{{number}},"seed":42.0,"top_k":4e1}""");

        Assert.Equal((expected, null), (request.MaxTokens, request.UsualMaxTokens));
        Assert.Equal((42L, 40), (request.Seed, request.Sampling.TopK));
        Assert.Equal([2, 5], Assert.IsType<Prompt.Tokens>(request.Prompts.Single()).Ids);
    }

    [Fact]
    public void ParseText_SeveralPrompts_AreAllThere()
    {
        Assert.Equal([new Prompt.Text("a"), new Prompt.Text("b")], ParseText("""{"model":"m","prompt":["a","b"]}""").Prompts);
        Assert.Equal([[1], [2, 3]], ParseText("""{"model":"m","prompt":[[1],[2,3]]}""").Prompts.Cast<Prompt.Tokens>().Select(prompt => prompt.Ids.ToArray()));
    }

    [Fact]
    public void ParseText_AllOfTheVocabularyHasABias_IsTaken()
    {
        string biases = string.Join(',', Enumerable.Range(0, CompletionLimits.Biases).Select(id => $"\"{id}\":-1"));

        static string Body(string biases) => """{"model":"m","prompt":"Hi","logit_bias":{""" + biases + "}}";

        Assert.Equal(CompletionLimits.Biases, ParseText(Body(biases)).Sampling.LogitBias!.Count);
        Assert.Equal("logit_bias", Assert.Throws<InvalidRequestException>(() => ParseText(Body(biases + ",\"999999\":1"))).Parameter);
    }

    [Fact]
    public void ParseText_TooManyPrompts_IsRefused()
    {
        string prompts = string.Join(',', Enumerable.Repeat("\"a\"", CompletionLimits.Prompts));

        Assert.Equal(CompletionLimits.Prompts, ParseText($$"""{"model":"m","prompt":[{{prompts}}]}""").Prompts.Count);
        Assert.Equal("prompt", Assert.Throws<InvalidRequestException>(() => ParseText($$"""{"model":"m","prompt":[{{prompts}},"a"]}""")).Parameter);
    }

    [Fact]
    public void ParseText_EchoWithoutAnswer_IsTaken() =>
        Assert.Equal(0, ParseText("""{"model":"m","prompt":"Hi","max_tokens":0,"echo":true}""").MaxTokens);

    [Fact]
    public void ParseChat_MessagesThatServersSent_AreTakenBack()
    {
        CompletionRequest request = ParseChat("""
            {"model":"m","messages":[{"role":"user","content":"a","id":"m1","createdAt":5,"name":null},
             {"role":"assistant","content":"b","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":"thinks"},
             {"role":"assistant","content":null},{"role":"assistant"},{"role":"assistant","content":null,"refusal":"No."},
             {"role":"user","content":[]},{"role":"assistant","content":[{"type":"refusal","refusal":"c"}]},{"role":"system","content":"d"},{"role":"developer","content":"e"}]}
            """);

        Assert.Equal(
            [
                new("user", "a"), new("assistant", "b"), new("assistant", ""), new("assistant", ""), new("assistant", "No."),
                new("user", ""), new("assistant", "c"), new("system", "d"), new("developer", "e"),
            ],
            Assert.IsType<Prompt.Chat>(request.Prompts.Single()).Messages);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(""","continue_final_message":false,"add_generation_prompt":true""", false)]
    [InlineData(""","continue_final_message":true""", true)]
    [InlineData(""","continue_final_message":true,"add_generation_prompt":false""", true)]
    public void ParseChat_ContinueFinalMessage_IsPassedOn(string more, bool continues) => Assert.Equal(
        continues,
        Assert.IsType<Prompt.Chat>(ParseChat($$"""{"model":"m","messages":[{"role":"assistant","content":"a"}]{{more}}}""").Prompts.Single()).ContinuesLast);

    [Fact]
    public void ParseChat_LogProbabilities_AreASwitchAndANumber()
    {
        const string chat = """{"model":"m","messages":[{"role":"user","content":"Hi"}]""";
        Assert.Null(ParseChat(chat + "}").Sampling.LogProbabilities);
        Assert.Null(ParseChat(chat + ",\"logprobs\":false,\"top_logprobs\":0}").Sampling.LogProbabilities);
        Assert.Equal(0, ParseChat(chat + ",\"logprobs\":true}").Sampling.LogProbabilities);
        Assert.Equal(5, ParseChat(chat + ",\"logprobs\":true,\"top_logprobs\":5}").Sampling.LogProbabilities);
    }

    [Fact]
    public void ParseChat_TextParts_AreJoined()
    {
        CompletionRequest request = ParseChat("""
            {"model":"m","max_completion_tokens":3,"messages":[{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
             {"role":"assistant","content":"c"}]}
            """);

        Assert.Equal([new("user", "ab"), new("assistant", "c")], Assert.IsType<Prompt.Chat>(request.Prompts.Single()).Messages);
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
    [InlineData("prompt", """{"model":"m","prompt":[1,"a"]}""")]
    [InlineData("prompt", """{"model":"m","prompt":[1.5]}""")]
    [InlineData("prompt", """{"model":"m","prompt":{"a":1}}""")]
    [InlineData("prompt", """{"model":"m","prompt":"\ud800"}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":-2}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":0}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":99999999999999999999}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":"5"}""")]
    [InlineData("max_tokens", """{"model":"m","prompt":"Hi","max_tokens":1.5}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":-0.1}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":2.1}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":1e999}""")]
    [InlineData("temperature", """{"model":"m","prompt":"Hi","temperature":"NaN"}""")]
    [InlineData("top_p", """{"model":"m","prompt":"Hi","top_p":1.1}""")]
    [InlineData("prompt[1]", """{"model":"m","prompt":["a",""]}""")]
    [InlineData("prompt[1]", """{"model":"m","prompt":["a",5]}""")]
    [InlineData("prompt[1]", """{"model":"m","prompt":[[1],[]]}""")]
    [InlineData("prompt[1]", """{"model":"m","prompt":[[1],["x"]]}""")]
    [InlineData("top_p", """{"model":"m","prompt":"Hi","top_p":-0.1}""")]
    [InlineData("top_k", """{"model":"m","prompt":"Hi","top_k":-2}""")]
    [InlineData("top_k", """{"model":"m","prompt":"Hi","top_k":40.5}""")]
    [InlineData("min_p", """{"model":"m","prompt":"Hi","min_p":1.1}""")]
    [InlineData("presence_penalty", """{"model":"m","prompt":"Hi","presence_penalty":2.1}""")]
    [InlineData("frequency_penalty", """{"model":"m","prompt":"Hi","frequency_penalty":"1"}""")]
    [InlineData("repetition_penalty", """{"model":"m","prompt":"Hi","repetition_penalty":0}""")]
    [InlineData("repetition_penalty", """{"model":"m","prompt":"Hi","repetition_penalty":1e999}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":{"5":101}}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":{"x":1}}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":{"-1":1}}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":{"5":1,"05":2}}""")]
    [InlineData("logit_bias", """{"model":"m","prompt":"Hi","logit_bias":[5]}""")]
    [InlineData("n", """{"model":"m","prompt":"Hi","n":0}""")]
    [InlineData("n", """{"model":"m","prompt":"Hi","n":129}""")]
    [InlineData("n", """{"model":"m","prompt":["a","b","c","d","e","f","g","h","i"],"n":128}""")]
    [InlineData("best_of", """{"model":"m","prompt":"Hi","n":3,"best_of":2}""")]
    [InlineData("best_of", """{"model":"m","prompt":"Hi","best_of":2,"stream":true}""")]
    [InlineData("echo", """{"model":"m","prompt":"Hi","echo":1}""")]
    [InlineData("logprobs", """{"model":"m","prompt":"Hi","logprobs":21}""")]
    [InlineData("logprobs", """{"model":"m","prompt":"Hi","logprobs":true}""")]
    [InlineData("top_logprobs", """{"model":"m","prompt":"Hi","top_logprobs":2}""")]
    [InlineData("prompt_logprobs", """{"model":"m","prompt":"Hi","prompt_logprobs":1}""")]
    [InlineData("stop_token_ids", """{"model":"m","prompt":"Hi","stop_token_ids":5}""")]
    [InlineData("stop_token_ids[1]", """{"model":"m","prompt":"Hi","stop_token_ids":[5,-1]}""")]
    [InlineData("min_tokens", """{"model":"m","prompt":"Hi","min_tokens":-1}""")]
    [InlineData("min_tokens", """{"model":"m","prompt":"Hi","min_tokens":9,"max_tokens":8}""")]
    [InlineData("ignore_eos", """{"model":"m","prompt":"Hi","ignore_eos":"yes"}""")]
    [InlineData("skip_special_tokens", """{"model":"m","prompt":"Hi","skip_special_tokens":false}""")]
    [InlineData("seed", """{"model":"m","prompt":"Hi","seed":1.5}""")]
    [InlineData("seed", """{"model":"m","prompt":"Hi","seed":18446744073709551615}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":""}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":5}""")]
    [InlineData("stop", """{"model":"m","prompt":"Hi","stop":["a","b","c","d","e"]}""")]
    [InlineData("stop[1]", """{"model":"m","prompt":"Hi","stop":["a",5]}""")]
    [InlineData("stream", """{"model":"m","prompt":"Hi","stream":"yes"}""")]
    [InlineData("stream_options", """{"model":"m","prompt":"Hi","stream_options":{"include_usage":true}}""")]
    [InlineData("stream_options.include_usage", """{"model":"m","prompt":"Hi","stream":true,"stream_options":{"include_usage":1}}""")]
    [InlineData("suffix", """{"model":"m","prompt":"Hi","suffix":"x"}""")]
    [InlineData("user", """{"model":"m","prompt":"Hi","user":{}}""")]
    [InlineData("metadata", """{"model":"m","prompt":"Hi","metadata":"x"}""")]
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
    [InlineData("messages[0].role", """{"model":"m","messages":[{"role":"wizard","content":"Hi"}]}""")]
    [InlineData("messages[0].tool_call_id", """{"model":"m","messages":[{"role":"tool","content":"Hi"}]}""")]
    [InlineData("messages[0].content", """{"model":"m","messages":[{"role":"user"}]}""")]
    [InlineData("messages[0].content", """{"model":"m","messages":[{"role":"user","content":5}]}""")]
    [InlineData("messages[0].content[0].type", """{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""")]
    [InlineData("messages[0].content[0].text", """{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}""")]
    [InlineData("messages[0].content", """{"model":"m","messages":[{"role":"user","content":null}]}""")]
    [InlineData("messages[0].audio", """{"model":"m","messages":[{"role":"assistant","audio":{"id":"a"}}]}""")]
    [InlineData("messages[0].function_call", """{"model":"m","messages":[{"role":"assistant","function_call":{"name":"f"}}]}""")]
    [InlineData("add_generation_prompt", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":false}""")]
    [InlineData("add_generation_prompt", """{"model":"m","messages":[{"role":"assistant","content":"Hi"}],"add_generation_prompt":true,"continue_final_message":true}""")]
    [InlineData("continue_final_message", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"continue_final_message":true}""")]
    [InlineData("echo", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"echo":true}""")]
    [InlineData("best_of", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"best_of":2}""")]
    [InlineData("max_tokens", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":0}""")]
    [InlineData("logprobs", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"logprobs":5}""")]
    [InlineData("top_logprobs", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"top_logprobs":5}""")]
    [InlineData("top_logprobs", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"logprobs":true,"top_logprobs":21}""")]
    [InlineData("messages[0].tool_calls[0].function", """{"model":"m","messages":[{"role":"assistant","content":"x","tool_calls":[{}]}]}""")]
    [InlineData("max_tokens", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":1,"max_completion_tokens":2}""")]
    [InlineData("tools[0].function", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function"}]}""")]
    [InlineData("response_format", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":"json_object"}""")]
    [InlineData("response_format.type", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{}}""")]
    [InlineData("response_format.type", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"xml"}}""")]
    [InlineData("response_format.json_schema", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema"}}""")]
    [InlineData("response_format.json_schema.schema", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}""")]
    [InlineData("response_format.json_schema.schema", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":5}}}""")]
    [InlineData("response_format.json_schema.strict", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"strict":1,"schema":{}}}}""")]
    [InlineData("guided_json", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_json":[]}""")]
    [InlineData("guided_regex", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_regex":{}}""")]
    [InlineData("guided_choice", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_choice":[]}""")]
    [InlineData("guided_choice[1]", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_choice":["a",5]}""")]
    [InlineData("grammar", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"grammar":true}""")]
    [InlineData("structured_outputs.pattern", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"structured_outputs":{"pattern":"a"}}""")]
    [InlineData("guided_regex", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_regex":"a","response_format":{"type":"json_object"}}""")]
    [InlineData("structured_outputs.regex", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"structured_outputs":{"regex":"a","json_object":true}}""")]
    [InlineData("ignore_eos", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_regex":"a","ignore_eos":true}""")]
    [InlineData("min_tokens", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"guided_regex":"a","min_tokens":5}""")]
    [InlineData("prompt", """{"model":"m","messages":[{"role":"user","content":"Hi"}],"prompt":"x"}""")]
    public void ParseChat_BadField_IsNamed(string field, string body) =>
        Assert.Equal(field, Assert.Throws<InvalidRequestException>(() => ParseChat(body)).Parameter);

    [Theory]
    [InlineData("""{"type":"text"}""")]
    [InlineData("null")]
    public void ParseChat_AnyText_HasNoFormat(string format) =>
        Assert.Null(ParseChat($$"""{"model":"m","messages":[{"role":"user","content":"Hi"}],"response_format":{{format}}}""").Format);

    [Fact]
    public void ParseText_Format_IsItsSource()
    {
        static AnswerFormat? Format(string field) => ParseText("""{"model":"m","prompt":"Hi",""" + field + "}").Format;

        Assert.Equal(new AnswerFormat(new GrammarSource.JsonObject(), "response_format"), Format("""  "response_format":{"type":"json_object"} """));
        Assert.Equal(new AnswerFormat(new GrammarSource.JsonSchema("{\"a\":1}"), "guided_json"), Format("""  "guided_json":{"a":1} """));
        Assert.Equal(new AnswerFormat(new GrammarSource.JsonSchema("x"), "guided_json"), Format("""  "guided_json":"x" """));
        Assert.Equal(
            new AnswerFormat(new GrammarSource.Choice([new GrammarSource.Literal("a"), new GrammarSource.Literal("b")]), "guided_choice"), Format("""  "guided_choice":["a","b"] """));
        Assert.Equal(new AnswerFormat(new GrammarSource.Gbnf("root ::= x"), "structured_outputs.grammar"), Format("""  "structured_outputs":{"grammar":"root ::= x","json":null} """));
        Assert.Equal(new AnswerFormat(new GrammarSource.Regex("a+"), "guided_regex"), Format("""  "guided_regex":"a+","structured_outputs":{} """));
    }

    [Fact]
    public void Parse_AnyBytes_GivesARequestOrOneClearError()
    {
        string[] seeds =
        [
            """{"model":"m","prompt":"Hi","max_tokens":7,"temperature":0.5,"stop":["a"],"stream":true,"stream_options":{"include_usage":true}}""",
            """{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"seed":5,"user":"u","tools":[]}""",
            """{"model":"m","prompt":[[2,5],[7]],"n":2,"best_of":3,"echo":true,"logprobs":1,"max_tokens":0,"logit_bias":{"5":-1,"17":2e1},"stop_token_ids":[1,2]}""",
            """{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[]}],"logprobs":true,"top_logprobs":2,"continue_final_message":true,"min_p":0.1}""",
            """{"model":"m","prompt":"a","response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object"}}},"guided_regex":null}""",
            """{"model":"m","prompt":"a","structured_outputs":{"choice":["a","b"],"json_object":false},"guided_choice":null}""",
            """{"model":"m","prompt":["a","b"],"min_tokens":2,"ignore_eos":true,"presence_penalty":1,"frequency_penalty":-1,"repetition_penalty":1.1,"top_p":0,"top_k":-1}""",
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
