using Gemma2.Backend.Text;
using OpenAI.Chat;

namespace Gemma2.Functions.Tests.Answers;

/// <summary>What conversations become of the kinds that clients send: the tokens that reach the engine.</summary>
public sealed class MessageTests
{
    private static readonly GemmaTokenizer Tokenizer = Vocabulary.Tokenizer;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CompleteChat_SystemAndDeveloperMessages_GoBeforeTheNextUserTurn()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        await app.OpenAIClient().GetChatClient(ScriptedEngine.Name).CompleteChatAsync(
            [
                new SystemChatMessage("Be short."), new UserChatMessage("Hi"), new AssistantChatMessage("Ho"),
                new DeveloperChatMessage("Be long."), new UserChatMessage("Why?"), new UserChatMessage("And how?"),
            ],
            cancellationToken: Cancellation);

        Assert.Equal(Tokens("user:Be short.\n\nHi", "model:Ho", "user:Be long.\n\nWhy?\n\nAnd how?", "model:"), engine.LastRequest!.PromptTokens);
    }

    [Fact]
    public async Task Post_ContinueFinalMessage_LeavesTheAnswerOpen()
    {
        var engine = new ScriptedEngine(Tokenizer);
        await using TestApp app = await TestApp.StartAsync(engine);

        using HttpResponseMessage response = await app.PostAsync(
            "/v1/chat/completions",
            """{"model":"scripted","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"The answer is"}],"continue_final_message":true}""");

        Assert.True(response.IsSuccessStatusCode);
        Assert.Equal(Tokens("user:Hi", "model:The answer is"), engine.LastRequest!.PromptTokens);
    }

    /// <summary>Turns in Gemma's template, the last one left open.</summary>
    private static int[] Tokens(params string[] turns) =>
    [
        Tokenizer.Bos,
        .. Tokenizer.Encode(string.Join("<end_of_turn>\n", turns.Select(turn => "<start_of_turn>" + string.Join('\n', turn.Split(':', 2))))),
    ];
}
