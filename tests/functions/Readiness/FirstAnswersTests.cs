using Gemma2.Backend;
using Gemma2.Backend.Engine;
using Gemma2.Service.Completions;
using Gemma2.Service.Http.Completions;
using Gemma2.Service.Model;
using Gemma2.Service.Options;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary>What an app answers to itself before it is ready.</summary>
public sealed class FirstAnswersTests : IDisposable
{
    private readonly ModelGrammars _grammars = new();

    public void Dispose() => _grammars.Dispose();

    [Fact]
    public async Task WarmUp_AnEngine_AsksForTokensAndForText()
    {
        await using var engine = new ScriptedEngine(Vocabulary.Tokenizer);

        await NewFirstAnswers().WarmUpAsync(engine, promptTokens: 64, TestContext.Current.CancellationToken);

        Assert.Equal(2, engine.Generations);
        Assert.Single(engine.Requests, request => request.PromptTokens.Count == 64);
        Assert.All(engine.Requests, request => Assert.Equal((2, true), (request.MaxTokens, request.IgnoreEndTokens)));
    }

    [Fact]
    public async Task WarmUp_MoreTokensThanTheContextHas_LeavesRoomForAnAnswer()
    {
        await using var engine = new ScriptedEngine(Vocabulary.Tokenizer);

        await NewFirstAnswers().WarmUpAsync(engine, promptTokens: engine.ContextLength, TestContext.Current.CancellationToken);

        Assert.Single(engine.Requests, request => request.PromptTokens.Count == engine.ContextLength - 2);
    }

    [Fact]
    public async Task WarmUp_AModelThatFails_SaysWhy()
    {
        await using var engine = new ScriptedEngine(Vocabulary.Tokenizer) { BeforeAnswer = _ => throw new GenerationException("It computes no numbers.") };

        GenerationException failure = await Assert.ThrowsAsync<GenerationException>(
            () => NewFirstAnswers().WarmUpAsync(engine, promptTokens: 4, TestContext.Current.CancellationToken));

        Assert.Equal("It computes no numbers.", failure.Message);
    }

    private FirstAnswers NewFirstAnswers() => new(new CompletionFactory(_grammars, new Gemma2Options { Model = ScriptedEngine.Name }));
}
