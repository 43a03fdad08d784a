using System.Text.Json;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors.Codecs;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>The shipped model: the engine against the independent PyTorch implementation that trained it, and answers that a user would see.</summary>
public sealed class NanoModelTests(ITestOutputHelper output) : EngineTest
{
    private const float Tolerance = 1e-4f;

    [Fact]
    public async Task ComputeLogits_ReferencePrompts_AgreeWithTheTrainersImplementation()
    {
        foreach ((string name, float error) in await ErrorsAsync(KvCacheType.F32))
            Assert.True(error <= Tolerance, $"{name}: error {error}, allowed {Tolerance}");
    }

    [Fact]
    public async Task ComputeLogits_8BitCache_StaysNearTheReference()
    {
        const float allowed = 0.5f; // of logits up to 30
        foreach ((_, float error) in await ErrorsAsync(KvCacheType.Q8_0)) Assert.InRange(error, 1e-4f, allowed);
    }

    [Fact]
    public async Task Generate_ReferencePrompts_FollowsTheTrainersGreedyPath()
    {
        using JsonDocument reference = ReadReference();
        await using InferenceEngine engine = await LoadAsync(NanoModel.Folder, new EngineOptions { KvCacheType = KvCacheType.F32, MaxSequences = 1 });

        foreach (JsonElement prompt in reference.RootElement.GetProperty("prompts").EnumerateArray())
        {
            int[] expected = Ints(prompt.GetProperty("greedy"), "ids");
            List<int> ids = await GenerateAsync(engine, Greedy(Ints(prompt, "ids")) with { MaxTokens = expected.Length });
            Assert.Equal(expected, ids);
        }
    }

    [Fact]
    public async Task GenerateText_QuestionItWasTaughtToAnswer_AnswersIt()
    {
        await using InferenceEngine engine = await LoadAsync(NanoModel.Folder, new EngineOptions { MaxSequences = 1, ContextLength = 512 });
        string answer = "";

        await foreach (TextPiece piece in engine.GenerateTextAsync(Greedy(engine.ChatTemplate!.Encode([new ChatMessage("user", "What is the capital of France?")])), Cancellation))
            answer += piece.Text;

        Assert.Contains("Paris", answer, StringComparison.Ordinal);
    }

    /// <summary>The largest error of a logit after each reference prompt.</summary>
    private async Task<IReadOnlyList<(string Prompt, float Error)>> ErrorsAsync(KvCacheType cache)
    {
        using JsonDocument reference = ReadReference();
        await using InferenceEngine engine = await LoadAsync(NanoModel.Folder, new EngineOptions { KvCacheType = cache, MaxSequences = 1 });
        var errors = new List<(string Prompt, float Error)>();
        foreach (JsonElement prompt in reference.RootElement.GetProperty("prompts").EnumerateArray())
        {
            float[] expected = [.. prompt.GetProperty("last_logits").EnumerateArray().Select(v => v.GetSingle())];
            float error = LargestDifference(expected, await engine.ComputeLogitsAsync(Ints(prompt, "ids"), Cancellation));
            string name = prompt.GetProperty("name").GetString()!;
            output.WriteLine($"{name}: largest error {error:E2}");
            errors.Add((name, error));
        }
        Assert.NotEmpty(errors);
        return errors;
    }

    private static GenerationRequest Greedy(int[] prompt) =>
        new() { PromptTokens = prompt, MaxTokens = 64, Sampling = new SamplingOptions { Temperature = 0 } };

    private static JsonDocument ReadReference() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(NanoModel.Folder, "reference-logits.json")));

    private static int[] Ints(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(v => v.GetInt32())];
}
