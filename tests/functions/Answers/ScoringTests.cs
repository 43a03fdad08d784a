using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats.Files;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Dialects.OpenAI;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>The embedded model's own log-likelihoods, over HTTP as evaluation tools ask for them.</summary>
public sealed class ScoringTests
{
    private const double Tolerance = 1e-4;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_AsLmEvaluationHarnessAsks_GivesTheModelsLogLikelihoods(bool withBegin)
    {
        await using InferenceEngine engine = await LoadAsync();
        await using TestApp app = await TestApp.StartAsync(engine);
        int[] context = [.. withBegin ? [engine.Tokenizer!.Bos] : Array.Empty<int>(), .. engine.Tokenizer!.Encode("What is the capital of France? The capital of France is")];
        int[][] choices = [.. new[] { " Paris.", " Rome.", " a letter to Ada", " 42", " Paris" }.Select(text => engine.Tokenizer!.Encode(text))];
        int[][] prompts = [.. choices.Select(choice => (int[])[.. context, .. choice])];

        JsonElement[] told = await PostAsync(app, new { model = "nano", prompt = prompts, temperature = 0, max_tokens = 1, logprobs = 1, seed = 1234, echo = true });

        for (int i = 0; i < choices.Length; i++)
        {
            // What lm-evaluation-harness does with them: api_models.py and openai_completions.py, parse_logprobs.
            JsonElement[] logProbabilities = [.. told[i].GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray().ToArray()[context.Length..^1]];
            JsonElement[] tops = [.. told[i].GetProperty("logprobs").GetProperty("top_logprobs").EnumerateArray().ToArray()[context.Length..^1]];
            bool isGreedy = logProbabilities.Zip(tops).All(pair => pair.First.GetDouble() == pair.Second.EnumerateObject().Max(top => top.Value.GetDouble()));

            (double expected, bool expectedGreedy) = await ScoreAsync(engine, context, choices[i]);
            Assert.Equal(expected, logProbabilities.Sum(number => number.GetDouble()), Tolerance);
            Assert.Equal(expectedGreedy, isGreedy);
        }
        Assert.Contains(true, await Task.WhenAll(choices.Select(async choice => (await ScoreAsync(engine, context, choice)).IsGreedy)));
    }

    [Fact]
    public async Task Run_SeveralAnswersTold_GivesTheSameBytesAgain()
    {
        await using InferenceEngine engine = await LoadAsync();
        CompletionRequest request = CompletionRequestParser.ParseJob(
            JsonElement.Parse("""
                {"model":"nano","prompt":["Once upon a time","Extract name and age as JSON: Anna is 31."],"n":3,"best_of":4,"max_tokens":24,"temperature":1.3,"min_p":0.02,"top_p":0.95,
                 "presence_penalty":0.4,"frequency_penalty":0.2,"repetition_penalty":1.1,"logit_bias":{"300":-2,"301":0.5},"logprobs":3,"echo":true,"stop":["zz"],"min_tokens":4}
                """),
            null);

        // Beside each other and alone; with a prompt that is in the cache, and with one that is not.
        byte[][] runs = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunAsync(engine, request)));
        byte[] alone = await RunAsync(engine, request);

        Assert.All(runs, run => Assert.Equal(alone, run));
        Assert.Equal(6, JsonElement.Parse(alone).GetProperty("choices").GetArrayLength());
    }

    [Fact]
    public async Task Post_TopPZero_IsGreedy()
    {
        await using InferenceEngine engine = await LoadAsync();
        await using TestApp app = await TestApp.StartAsync(engine);
        object Body(double temperature, double topP) => new { model = "nano", prompt = "Once upon a time", temperature, top_p = topP, seed = 5, max_tokens = 30 };

        string greedy = (await PostAsync(app, Body(0, 1)))[0].GetProperty("text").GetString()!;

        Assert.Equal(greedy, (await PostAsync(app, Body(2, 0)))[0].GetProperty("text").GetString());
    }

    private static async Task<InferenceEngine> LoadAsync()
    {
        Machine.NeedsDevice();
        return await InferenceEngine.LoadAsync(
            new FolderModelSource(Path.Combine(Repository.Root, "samples/nano")), new EngineOptions { AllowSoftwareDevice = true, MaxSequences = 8 }, cancellationToken: Cancellation);
    }

    private static async Task<byte[]> RunAsync(InferenceEngine engine, CompletionRequest request)
    {
        var completion = new Completion(engine, request, "id", DateTimeOffset.UnixEpoch, seed: 5, RequestClass.Batch);
        CompletionResult result = await completion.RunAsync(Cancellation);
        return JsonBody.ToUtf8(json => CompletionJson.WriteBody(json, completion, result)).ToArray();
    }

    /// <summary>The log-likelihood of what follows a context, and whether each of its tokens is the likeliest, from all logits in double precision.</summary>
    private static async Task<(double LogLikelihood, bool IsGreedy)> ScoreAsync(InferenceEngine engine, int[] context, int[] choice)
    {
        List<int> tokens = context[0] == engine.Tokenizer!.Bos ? [.. context] : [engine.Tokenizer.Bos, .. context];
        double sum = 0;
        bool isGreedy = true;
        foreach (int token in choice)
        {
            float[] logits = await engine.ComputeLogitsAsync(tokens, Cancellation);
            double highest = logits.Max();
            sum += logits[token] - highest - Math.Log(logits.Sum(logit => Math.Exp(logit - highest)));
            isGreedy &= Array.IndexOf(logits, (float)highest) == token;
            tokens.Add(token);
        }
        return (sum, isGreedy);
    }

    private static async Task<JsonElement[]> PostAsync(TestApp app, object body)
    {
        using HttpResponseMessage response = await app.PostAsync("/v1/completions", JsonSerializer.Serialize(body));
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return [.. JsonElement.Parse(text).GetProperty("choices").EnumerateArray()];
    }
}
