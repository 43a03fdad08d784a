using System.Net;
using System.Text.Json;
using Gemma2.Backend.Decoding;
using Gemma2.Functions.Tests.Batches;
using Gemma2.Functions.Tests.Jobs;
using Gemma2.Storage.Batches;
using Gemma2.Testing;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>How tokens are picked where a request says nothing: as the model's makers say, in every dialect.</summary>
public sealed class SamplingDefaultsTests(AzuriteFixture azurite)
{
    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

    private static readonly SamplingDefaults Makers = new(0.7, 64, 0.95, 0.05, 1.1);

    /// <summary>All routes that answer, with a body that says nothing of sampling; fields can be put behind its begin.</summary>
    public static TheoryData<string, string> Routes => new()
    {
        { "/v1/completions", """{"model":"scripted","prompt":"Hi"}""" },
        { "/v1/chat/completions", $$"""{"model":"scripted",{{Messages}}}""" },
        { "/v1/responses", """{"model":"scripted","input":"Hi","store":false}""" },
        { "/v1/messages", $$"""{"model":"scripted","max_tokens":50,{{Messages}}}""" },
        { "/openai/deployments/scripted/chat/completions?api-version=2024-10-21", $$"""{ {{Messages}}}""" },
        { "/openai/deployments/scripted/completions?api-version=2024-10-21", """{"prompt":"Hi"}""" },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Routes))]
    public async Task Post_NothingSaid_TakesTheMakers(string path, string body)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { SamplingDefaults = Makers };
        await using TestApp app = await TestApp.StartAsync(engine);

        await PostAsync(app, path, body);
        Assert.Equal(Makers, Of(engine));
        await PostAsync(app, path, With(body, "\"temperature\":null,\"top_p\":null,\"top_k\":null"));
        Assert.Equal(Makers, Of(engine));
        await PostAsync(app, path, With(body, "\"temperature\":0.25,\"top_p\":1"));
        Assert.Equal(Makers with { Temperature = 0.25, TopP = 1 }, Of(engine));
        await PostAsync(app, path, With(body, "\"temperature\":0,\"top_k\":0"));
        Assert.Equal(Makers with { Temperature = 0, TopK = 0 }, Of(engine));
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task Post_NothingSaidByAnybody_TakesOpenAIsDefaults(string path, string body)
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);
        await PostAsync(app, path, body);
        Assert.Equal(new SamplingDefaults(1, 0, 1, 0, 1), Of(engine));
    }

    [Fact]
    public async Task Post_ExtensionsOfOpenAIsRoutes_GoBeforeTheMakers()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { SamplingDefaults = Makers };
        await using TestApp app = await TestApp.StartAsync(engine);
        await PostAsync(app, "/v1/chat/completions", $$"""{"model":"scripted","top_k":-1,"min_p":0,"repetition_penalty":1,{{Messages}}}""");
        Assert.Equal(Makers with { TopK = 0, MinP = 0, RepetitionPenalty = 1 }, Of(engine));
    }

    [Fact]
    public async Task PostResponses_NothingSaid_TellsWhatWasTaken()
    {
        await using TestApp app = await TestApp.StartAsync(new ScriptedEngine(Vocabulary.Tokenizer) { SamplingDefaults = Makers });
        JsonElement response = await PostAsync(app, "/v1/responses", """{"model":"scripted","input":"Hi","store":false}""");
        Assert.Equal((0.7, 0.95), (response.GetProperty("temperature").GetDouble(), response.GetProperty("top_p").GetDouble()));
    }

    [Fact]
    public async Task JobAndBatch_NothingSaid_TakeTheMakers()
    {
        var engine = new ScriptedEngine(Vocabulary.Tokenizer) { SamplingDefaults = Makers };
        BatchAccount account = await BatchAccount.CreateAsync(azurite.NewConnectionString());
        await using TestApp app = await TestApp.StartAsync(engine, account.Setting);

        BatchRecord batch = await account.WaitForEndAsync(await account.StartAsync(null, [BatchAccount.Line("a")]));
        Assert.Equal(1, batch.Counts.Completed);
        Assert.Equal(Makers, Of(engine));

        await using JobRig rig = await JobRig.StartAsync(await StorageAccount.CreateAsync(azurite.NewConnectionString()), engine);
        await rig.DeliverAsync(JobRig.Message("a"));
        Assert.Equal(2, engine.Generations);
        Assert.Equal(Makers, Of(engine));
    }

    private static async Task<JsonElement> PostAsync(TestApp app, string path, string body)
    {
        using HttpResponseMessage response = await app.PostAsync(path, body);
        string answer = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == HttpStatusCode.OK, answer);
        return JsonElement.Parse(answer);
    }

    private static string With(string body, string fields) => $"{{{fields},{body.TrimStart('{')}";

    private static SamplingDefaults Of(ScriptedEngine engine)
    {
        SamplingOptions sampling = engine.LastRequest!.Sampling;
        return new SamplingDefaults(sampling.Temperature, sampling.TopK, sampling.TopP, sampling.MinP, sampling.RepetitionPenalty);
    }
}
