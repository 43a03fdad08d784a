using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Formats;
using Gemma2.Backend.Formats.Files;
using Gemma2.Backend.Formats.Quantizing;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tests.Weights;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>Rows of the embedding that stand for no token, and rows that stand for added ones.</summary>
public sealed class SpareTokenTests : EngineTest
{
    private const string AddedTokens = """{"<|im_start|>": 2048, "<|im_end|>": 2050}""";

    [Theory]
    [InlineData(0, null), InlineData(0.7, null), InlineData(0, 3), InlineData(1, 20)]
    public async Task Generate_SpareRowsThatAreLikeliest_AreAsIfTheyWereNotThere(double temperature, int? top)
    {
        var sampling = new SamplingOptions { Temperature = temperature, Seed = 5, LogProbabilities = top };
        List<GeneratedToken> expected = await AnswerAsync(new FolderModelSource(NanoModel.Folder), sampling);
        int[] answer = [.. expected.Select(token => token.Choice.Id).Distinct()];
        List<GeneratedToken> given = await AnswerAsync(GrownNano.Of(answer), sampling);

        Assert.Equal(expected.Select(token => token.Choice.Id), given.Select(token => token.Choice.Id));
        Assert.Equal(expected.Select(token => token.Choice.Top.Select(likely => likely.Id)), given.Select(token => token.Choice.Top.Select(likely => likely.Id)));
        Assert.All(expected.Zip(given), pair => Assert.Equal(pair.First.Choice.LogProbability ?? 0, pair.Second.Choice.LogProbability ?? 0, 1e-4));
    }

    [Fact]
    public async Task Generate_RowsThatAreTokens_AreChosen()
    {
        var sampling = new SamplingOptions { Temperature = 0 };
        int first = (await AnswerAsync(new FolderModelSource(NanoModel.Folder), sampling))[0].Choice.Id;
        List<GeneratedToken> given = await AnswerAsync(GrownNano.Of([first, first, first], ("added_tokens.json", AddedTokens)), sampling);
        Assert.Equal(2048, given[0].Choice.Id);
    }

    [Fact]
    public async Task Generate_SpareRowBetweenTokens_IsNeverChosenWhateverTheLogitsGoThrough()
    {
        var sampling = new SamplingOptions { Temperature = 0, LogitBias = new Dictionary<int, double> { [2049] = 100 }, RepetitionPenalty = 1.3, MinTokens = 3, LogProbabilities = 20 };
        int first = (await AnswerAsync(new FolderModelSource(NanoModel.Folder), new SamplingOptions { Temperature = 0 }))[0].Choice.Id;
        List<GeneratedToken> given = await AnswerAsync(GrownNano.Of([first, first, first], ("added_tokens.json", AddedTokens)), sampling);
        Assert.All(given, token => Assert.DoesNotContain(2049, token.Choice.Top.Select(likely => likely.Id).Append(token.Choice.Id)));
    }

    [Theory]
    [InlineData(2049), InlineData(2051)]
    public async Task Generate_SpareTokenThatStops_IsRefused(int token)
    {
        await using InferenceEngine engine = await LoadAsync(GrownNano.Of(new int[4], ("added_tokens.json", AddedTokens)));
        var error = Assert.Throws<InvalidRequestException>(() => engine.GenerateAsync(new GenerationRequest { PromptTokens = [2], StopTokens = [token] }, Cancellation));
        Assert.Contains($"token id {token}; allowed are 0 to 2050, but for 1 that stand for nothing", error.Message, StringComparison.Ordinal);
        Assert.True(engine.Config.HasToken(2050));
    }

    [Fact]
    public async Task ComputeLogits_SpareRows_AreRowsLikeOthers()
    {
        await using InferenceEngine nano = await LoadAsync(new FolderModelSource(NanoModel.Folder)), grown = await LoadAsync(GrownNano.Of([7, 9]));
        float[] expected = await nano.ComputeLogitsAsync([2, 9], Cancellation), logits = await grown.ComputeLogitsAsync([2, 9], Cancellation);
        Assert.Equal(expected, logits[..expected.Length]);
        Assert.All(logits[expected.Length..], logit => Assert.InRange(logit, -30, 30));
        Assert.All(await grown.ComputeLogitsAsync([2, 2049], Cancellation), logit => Assert.InRange(logit, -30, 30));
        Assert.Throws<InvalidRequestException>(() => grown.GenerateAsync(new GenerationRequest { PromptTokens = [2, 2050] }, Cancellation));
    }

    [Fact]
    public async Task Quantize_AddedTokensAndSpareRows_AreTheSameInGguf()
    {
        MemoryModelSource folder = GrownNano.Of(new int[6], ("added_tokens.json", AddedTokens));
        using MemoryStream file = new();
        await ModelQuantizer.WriteAsync(folder, new QuantizeOptions(WeightType.F16), file, cancellationToken: Cancellation);
        await using OpenModel original = await ModelReader.OpenAsync(folder, Cancellation);
        await using OpenModel written = await ModelReader.OpenAsync(new MemoryModelSource(("nano.gguf", file.ToArray())), Cancellation);

        Assert.Equal([2049, 2051, 2052, 2053], written.Config.SpareTokens);
        Assert.Equal(original.Config.SpareTokens, written.Config.SpareTokens);
        foreach (string text in (string[])["<|im_start|>user\nHi<|im_end|>", "a [PAD2051] b", "[PAD2049]"])
        {
            Assert.Equal(original.Tokenizer!.Encode(text, special: true), written.Tokenizer!.Encode(text, special: true));
            Assert.Equal(original.Tokenizer.Encode(text), written.Tokenizer.Encode(text));
            Assert.Equal(original.Tokenizer.EncodeContent(text), written.Tokenizer.EncodeContent(text));
            Assert.DoesNotContain(2049, written.Tokenizer.Encode(text, special: true));
        }

        Assert.Equal([2048, 2050], written.Tokenizer!.Encode("<|im_start|><|im_end|>", special: true));
        Assert.True(written.Tokenizer.IsControl(2050));
    }

    private static async Task<List<GeneratedToken>> AnswerAsync(IModelSource source, SamplingOptions sampling)
    {
        await using InferenceEngine engine = await LoadAsync(source);
        int[] prompt = engine.ChatTemplate!.Encode([new ChatMessage("user", "What is the capital of France?")]);
        List<GeneratedToken> answer = [];
        await foreach (GeneratedToken token in engine.GenerateAsync(new GenerationRequest { PromptTokens = prompt, MaxTokens = 12, Sampling = sampling }, Cancellation)) answer.Add(token);
        return answer;
    }

    private static Task<InferenceEngine> LoadAsync(IModelSource source) =>
        LoadAsync(source, new EngineOptions { MaxSequences = 1, ContextLength = 256 });
}
