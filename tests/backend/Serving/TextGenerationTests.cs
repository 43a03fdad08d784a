using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tests.Text;
using Gemma2.Backend.Text;

namespace Gemma2.Backend.Tests.Serving;

public sealed class TextGenerationTests
{
    private static readonly GemmaTokenizer Tokenizer = Vocabularies.Small;

    [Fact]
    public async Task GenerateText_EndToken_EndsWithoutText()
    {
        int[] ids = Tokenizer.Encode("Ada reads");
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [.. Tokens(ids), Token(Tokenizer.EndOfTurn, FinishReason.Stop)]));
        Assert.Equal("Ada reads", Text(pieces));
        Assert.Equal([.. ids, Tokenizer.EndOfTurn], pieces.Select(piece => piece.Token!.Value));
        Assert.Equal(new TextPiece("", new TokenChoice(Tokenizer.EndOfTurn), FinishReason.Stop), pieces[^1]);
        Assert.All(pieces[..^1], piece => Assert.Null(piece.Finish));
    }

    [Fact]
    public async Task GenerateText_CharacterOfSeveralTokens_ComesWhole()
    {
        int[] ids = [.. "😀"u8.ToArray().Select(value => Vocabularies.FirstSmallByte + value)];
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [.. Tokens(ids[..3]), Token(ids[3], FinishReason.Length)]));
        Assert.Equal(["", "", "", "😀"], pieces.Select(piece => piece.Text));
        Assert.Equal(FinishReason.Length, pieces[^1].Finish);
    }

    [Fact]
    public async Task GenerateText_LimitInsideCharacter_EndsWithReplacementCharacter()
    {
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, Token(Vocabularies.FirstSmallByte + 0xF0, null), Token(Vocabularies.FirstSmallByte + 0x9F, FinishReason.Length)));
        Assert.Equal(["", "\uFFFD"], pieces.Select(piece => piece.Text));
    }

    [Fact]
    public async Task GenerateText_StopAcrossTokens_EndsBeforeItAndCancelsTheSequence()
    {
        int[] ids = Tokenizer.Encode("Ada reads a letter in Paris.");
        ScriptedEngine engine = new(Tokenizer, [.. Tokens(ids), Token(Tokenizer.Eos, FinishReason.Stop)]);
        TextPiece[] pieces = await Collect(engine, "ds a l", "never");
        Assert.Equal("Ada rea", Text(pieces));
        Assert.Equal((FinishReason.Stop, "ds a l"), (pieces[^1].Finish!.Value, pieces[^1].StopText));
        Assert.Equal(pieces.Length, engine.Given);
        Assert.InRange(engine.Given, 2, ids.Length - 1);
        Assert.True(engine.Ended);
    }

    [Fact]
    public async Task GenerateText_StopThatDoesNotCome_GivesHeldTextAtTheEnd()
    {
        int[] ids = Tokenizer.Encode("Ada reads");
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [.. Tokens(ids), Token(Tokenizer.Eos, FinishReason.Stop)]), "reads a book");
        Assert.Equal("Ada reads", Text(pieces));
        Assert.Equal(new TextPiece("", new TokenChoice(Tokenizer.Eos), null), pieces[^2]);
        Assert.Equal(new TextPiece("reads", null, FinishReason.Stop), pieces[^1]);
    }

    [Fact]
    public async Task GenerateText_StopCompletedByTheLastToken_IsStopNotLength()
    {
        int[] ids = Tokenizer.Encode("Ada reads");
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [.. Tokens(ids[..^1]), Token(ids[^1], FinishReason.Length)]), "reads");
        Assert.Equal("Ada ", Text(pieces));
        Assert.Equal(FinishReason.Stop, pieces[^1].Finish);
    }

    [Fact]
    public async Task GenerateText_EndTokensIgnored_GoOnWithoutText()
    {
        int[] ids = Tokenizer.Encode("Ada");
        ScriptedEngine engine = new(Tokenizer, [Token(Tokenizer.EndOfTurn, null), .. Tokens(ids), Token(Tokenizer.Eos, FinishReason.Length)]);
        Assert.Equal("Ada", Text(await Collect(engine)));
    }

    [Fact]
    public async Task GenerateText_StopToken_EndsBeforeItsText()
    {
        int[] ids = Tokenizer.Encode("Ada reads");
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [.. Tokens(ids[..^1]), Token(ids[^1], FinishReason.Stop)]));
        Assert.Equal(Tokenizer.Decode(ids[..^1]), Text(pieces));
        Assert.Equal(ids[^1], pieces[^1].Token);
    }

    [Fact]
    public async Task GenerateText_PromptIsTold_ComesWithTheFirstPiece()
    {
        TokenChoice[] prompt = [new TokenChoice(5, -1), new TokenChoice(6, -2)];
        int[] ids = Tokenizer.Encode("Ada reads");
        TextPiece[] pieces = await Collect(new ScriptedEngine(Tokenizer, [Token(ids[0], null) with { Prompt = prompt }, .. Tokens(ids[1..]), Token(Tokenizer.Eos, FinishReason.Stop)]));
        Assert.Equal(prompt, pieces[0].Prompt);
        Assert.All(pieces[1..], piece => Assert.Null(piece.Prompt));
    }

    [Fact]
    public async Task GenerateText_ConsumerLeaves_EndsTheSequence()
    {
        ScriptedEngine engine = new(Tokenizer, Tokens(Tokenizer.Encode("Ada reads a letter")));
        await foreach (TextPiece piece in engine.GenerateTextAsync(Request(), TestContext.Current.CancellationToken))
        {
            Assert.Null(piece.Finish);
            break;
        }

        Assert.Equal((1, true), (engine.Given, engine.Ended));
    }

    [Fact]
    public async Task GenerateText_Cancelled_ReachesTheEngine()
    {
        using CancellationTokenSource source = new();
        ScriptedEngine engine = new(Tokenizer, Tokens(Tokenizer.Encode("Ada reads a letter")));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (TextPiece _ in engine.GenerateTextAsync(Request(), source.Token)) await source.CancelAsync();
        });
        Assert.Equal((1, true), (engine.Given, engine.Ended));
    }

    [Fact]
    public void GenerateText_WithoutTokenizer_IsRefusedAtOnce()
    {
        ModelException error = Assert.Throws<ModelException>(() => new ScriptedEngine(null).GenerateTextAsync(Request(), TestContext.Current.CancellationToken));
        Assert.Contains("scripted has no tokenizer.model, nor a vocabulary in a GGUF file", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(65, "a", "stop has 65 texts; allowed are at most 64.")]
    [InlineData(1, "", "stop has an empty text; each needs at least one character.")]
    public void GenerateText_WrongStops_AreRefusedAtOnce(int count, string text, string message)
    {
        ScriptedEngine engine = new(Tokenizer);
        string[] stops = [.. Enumerable.Repeat(text, count)];
        InvalidRequestException error = Assert.Throws<InvalidRequestException>(() => engine.GenerateTextAsync(Request(stops), TestContext.Current.CancellationToken));
        Assert.Equal(("stop", message), (error.Parameter, error.Message));
    }

    private static GenerationRequest Request(params string[] stops) => new() { PromptTokens = [2], Stop = stops };

    private static GeneratedToken Token(int id, FinishReason? finish) => new(new TokenChoice(id), finish);

    private static GeneratedToken[] Tokens(IEnumerable<int> ids) => [.. ids.Select(id => new GeneratedToken(new TokenChoice(id), null))];

    private static string Text(IEnumerable<TextPiece> pieces) => string.Concat(pieces.Select(piece => piece.Text));

    private static async Task<TextPiece[]> Collect(ScriptedEngine engine, params string[] stops)
    {
        List<TextPiece> pieces = [];
        await foreach (TextPiece piece in engine.GenerateTextAsync(Request(stops), TestContext.Current.CancellationToken)) pieces.Add(piece);
        return [.. pieces];
    }
}
